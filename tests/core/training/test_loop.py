"""Properties of a step and of the loop, in a `Run` of this process."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from core.checkpoints.writer import Snapshot
from core.distributed.world import World
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from core.training import loop
from core.training.batches import BatchStream
from core.training.loop import optimize, save, train
from tests.core.training.reference.jobs import CASES
from tests.core.training.runs import open_run


def document(name: str, **training: Any) -> dict[str, Any]:
    found = copy.deepcopy(CASES[name].document)
    found["training"] |= training
    return found


def test_the_reported_loss_is_the_mean_over_the_whole_batch(
    sentences: Path, cache: Path, tmp_path: Path
) -> None:
    job = document("masked_lm-features")
    job["model"]["dropout"] = 0.0
    with open_run(job, sentences, tmp_path, cache) as (run, _):
        run.step = 1
        parts = run.batches.take(1)
        assert len({part.count for part in parts}) == 2, "parts of unequal weight"
        run.objective.train()
        with torch.no_grad():
            losses = [run.objective(part) for part in parts]
        count = sum(part.count for part in parts)
        done = optimize(run, parts)
    assert done.named.keys() == {"task_loss", "feature_loss"}
    for name, value in done.named.items():
        expected = sum(one.named[name].item() for one in losses) / count
        assert value.item() == pytest.approx(expected, rel=1e-5)
    assert done.loss.item() == pytest.approx(sum(one.total.item() for one in losses) / count, rel=1e-5)
    assert done.loss.item() == pytest.approx(
        0.6 * done.named["task_loss"].item() + 0.4 * done.named["feature_loss"].item(), rel=1e-5
    )


@pytest.mark.parametrize(("name", "phases"), [("causal_lm-llama", 1), ("dcgan", 2)])
def test_every_micro_batch_of_every_phase_and_step_has_its_own_dropout(
    name: str,
    phases: int,
    request: pytest.FixtureRequest,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seeds: list[tuple[Any, ...]] = []
    seed = loop.seed_torch
    monkeypatch.setattr(loop, "seed_torch", lambda *purpose: (seeds.append(purpose), seed(*purpose)))
    data = request.getfixturevalue(CASES[name].data)
    with open_run(document(name), data, tmp_path, cache) as (run, _):
        for run.step in (1, 2, 3):
            optimize(run, run.batches.take(run.step))
    assert len(seeds) == len(set(seeds)) == 3 * 2 * phases


def test_networks_train_in_training_mode_and_are_evaluated_in_evaluation_mode(
    pictures: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dropout and gradients: on in every step, also after an evaluation, and off in evaluations, samples and probes."""
    seen: dict[str, set[tuple[bool, bool]]] = {}
    with open_run(document("masked_autoencoder", evaluate_every=1), pictures, tmp_path, cache) as (run, _):
        for name in ("forward", "evaluate", "show", "encode"):
            method = getattr(run.objective, name)

            def watched(*given: Any, name: str = name, method: Any = method) -> Any:
                modes = {module.training for module in run.objective.model.modules()}
                assert len(modes) == 1
                seen.setdefault(name, set()).add((modes.pop(), torch.is_grad_enabled()))
                return method(*given)

            monkeypatch.setattr(run.objective, name, watched)
        assert train(run) == "completed"
    off = {(False, False)}
    assert seen == {"forward": {(True, True)}, "evaluate": off, "show": off, "encode": off}


@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_the_precision_is_that_of_products_in_training_and_evaluation(
    precision: str, sentences: Path, cache: Path, tmp_path: Path
) -> None:
    given: dict[bool, set[torch.dtype]] = {True: set(), False: set()}

    def note(module: torch.nn.Module, _: object, output: Tensor) -> None:
        given[module.training].add(output.dtype)

    job = document("masked_lm", precision=precision, steps=2, evaluate_every=1)
    with open_run(job, sentences, tmp_path, cache) as (run, _):
        for module in run.objective.modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_hook(note)
        train(run)
        assert {parameter.dtype for parameter in run.objective.parameters()} == {torch.float32}
    kind = {"bf16": torch.bfloat16, "fp32": torch.float32}[precision]
    assert given == {True: {kind}, False: {kind}}


def test_evaluations_samples_and_checkpoints_happen_at_the_steps_of_the_spec(
    pictures: Path, cache: Path, tmp_path: Path
) -> None:
    cadence = {"steps": 7, "log_every": 2, "evaluate_every": 3, "probe_every": 2, "checkpoint_every": 4}
    with open_run(document("rotation", **cadence), pictures, tmp_path, cache) as (run, told):
        assert train(run) == "completed"
    assert told.steps_of("train/loss") == [1, 2, 4, 6, 7]
    assert told.steps_of("eval/loss") == [3, 6, 7]
    assert told.steps_of("health/rankme") == told.steps_of("probe/knn_accuracy") == [2, 4, 6, 7]
    assert [one["step"] for one in told if one["event"] == "checkpoint"] == [4, 7]


def test_a_checkpoint_is_of_one_step_although_training_continues_during_the_write(
    sentences: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Snapshot] = []
    with open_run(document("masked_lm"), sentences, tmp_path, cache) as (run, _):
        monkeypatch.setattr(run.checkpoints, "save", taken.append)
        for run.step in (1, 2):
            optimize(run, run.batches.take(run.step))
        save(run)
        (snapshot,) = taken
        assert snapshot.averaged is not None
        kinds = {"weights": snapshot.weights, "averaged": snapshot.averaged, "optimizer": snapshot.optimizer}
        before = {kind: {name: t.clone() for name, t in tensors.items()} for kind, tensors in kinds.items()}
        live = run.objective.state_dict()
        assert all(torch.equal(tensor, live[name]) for name, tensor in snapshot.weights.items())
        run.step = 3
        optimize(run, run.batches.take(3))
    for kind, tensors in kinds.items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, before[kind][name]), (kind, name)
    moved = [
        name
        for name, tensor in run.objective.state_dict().items()
        if not torch.equal(tensor, snapshot.weights[name])
    ]
    assert moved, "the run did go on"


def test_processes_share_every_micro_batch_without_duplicates(
    sentences: Path, cache: Path, tmp_path: Path
) -> None:
    with open_run(document("masked_lm"), sentences, tmp_path, cache) as (run, _):
        whole = run.batches.make(3)
        shares = []
        for rank in range(2):
            world = World(rank, 2)
            with BatchStream(run.objective, run.samples, run.training, world) as batches:
                shares.append(batches.make(3))
        for part, one, other in zip(whole, *shares, strict=True):
            both = torch.cat([one.tensors["inputs"], other.tensors["inputs"]])
            assert torch.equal(both, part.tensors["inputs"])
            assert one.count + other.count == part.count


def test_a_run_reads_each_sample_once_an_epoch_and_each_epoch_in_another_order(
    pictures: Path, cache: Path, tmp_path: Path
) -> None:
    with open_run(document("rotation"), pictures, tmp_path, cache) as (run, _):
        size, count = run.training.sequences_per_step, len(run.samples)
        read = np.concatenate([run.batches.sample_ids(step) for step in range(1, 2 * count // size + 2)])
    first, second = read[:count], read[count : 2 * count]
    assert sorted(first) == sorted(second) == list(range(count))
    assert (first != second).any()
    assert (first != np.arange(count)).any()


def test_the_seed_decides_weights_order_and_masks(sentences: Path, cache: Path, tmp_path: Path) -> None:
    found = []
    for seed in (1, 2):
        with open_run(document("masked_lm", seed=seed), sentences, tmp_path, cache) as (run, _):
            weights = run.objective.get_parameter("model.cls.predictions.transform.dense.weight").detach()
            found.append((run.batches.sample_ids(1), run.batches.make(1)[0].tensors["positions"], weights))
            again = create_objective(validate(document("masked_lm", seed=seed)), run.objective.data)  # type: ignore[arg-type]
            same = again.get_parameter("model.cls.predictions.transform.dense.weight")
            assert torch.equal(same, weights)
    (ids, masks, weights), (others, other_masks, other_weights) = found
    assert (ids != others).any()
    assert not masks.equal(other_masks)
    assert not weights.equal(other_weights)
