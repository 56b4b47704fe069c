"""``training.compile``: compiled where possible, and otherwise the same run without it."""

from pathlib import Path
from typing import Any

import pytest
import torch

from core.data import data_files
from core.data.text import PackedSequences, PreparedText, prepare
from core.distributed.world import World
from core.events import Events
from core.objectives.base import Objective
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.batches import BatchStream
from core.training.compilation import compile_or_fall_back
from core.training.devices import Place
from tests.core.training.reference.jobs import CASES
from tests.core.training.runs import open_run

PLACE = Place(torch.device("cpu"), "cpu", "fp32")


@pytest.fixture
def setting(spec: dict[str, Any], corpus: Any, cache: Any) -> tuple[Objective, BatchStream]:
    spec["model"] |= {"layers": 1, "dropout": 0.0}
    job = JobSpec.model_validate(spec)
    data: PreparedText = prepare(data_files([corpus]), job.data, cache)
    objective = create_objective(job, data)
    samples = PackedSequences(data, "train", 32)
    return objective, BatchStream(objective, samples, job.training, World())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # imports among the compiler's own modules
def test_compiled_networks_compute_the_same(setting: tuple[Objective, BatchStream]) -> None:
    objective, batches = setting
    batch = batches.make(1)[0]
    plain = objective(batch).total
    told: list[Any] = []
    assert compile_or_fall_back(objective, batch, PLACE, Events(told.append))
    assert told == []
    torch.testing.assert_close(objective(batch).total, plain)
    assert all(parameter.grad is None for parameter in objective.parameters())
    assert "_orig_mod" not in "".join(objective.state_dict())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_machine_without_a_compiler_warns_and_goes_on(
    setting: tuple[Objective, BatchStream], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    objective, batches = setting
    batch = batches.make(1)[0]
    plain = objective(batch).total
    monkeypatch.setattr(torch._inductor.config.cpp, "cxx", (str(tmp_path / "no-such-compiler"),))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))
    torch.compiler.reset()
    told: list[Any] = []
    assert not compile_or_fall_back(objective, batch, PLACE, Events(told.append))
    assert [event["code"] for event in told] == ["compile_failed"]
    assert torch.equal(objective(batch).total, plain)
    assert all(parameter.grad is None for parameter in objective.parameters())


def test_the_trial_leaves_no_trace_in_the_networks(
    pictures: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither gradients nor a step of the batch norms' averages, which move with each forward pass."""
    with open_run(CASES["contrastive"].document, pictures, tmp_path, cache) as (run, _):
        monkeypatch.setattr(run.objective, "compile_networks", lambda: None)
        run.objective.train()
        before = {name: tensor.clone() for name, tensor in run.objective.state_dict().items()}
        assert compile_or_fall_back(run.objective, run.batches.make(1)[0], run.place, run.events)
        for name, tensor in run.objective.state_dict().items():
            assert torch.equal(tensor, before[name]), name
        assert all(parameter.grad is None for parameter in run.objective.parameters())
        run.objective(run.batches.make(1)[0])
        moved = [
            name for name, tensor in run.objective.state_dict().items() if not tensor.equal(before[name])
        ]
        assert any("running_mean" in name for name in moved), "a pass does move them"
