"""Samples of earlier stages in the batches of every kind of task, with their labels; what remains of earlier stages."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.data import data_files, prepare_for
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from tests.core.continual.stages import ancestor, document_of, earlier, last
from tests.core.continual.test_scenarios import coloured, job, values
from tests.core.training.reference.jobs import CASES

TARGETS = ("labels", "targets", "target_lengths")
LEARN_LABELS = (
    "text_classification",
    "text_classification-modernbert",
    "text_classification-gpt2",
    "text_classification-t5",
    "token_classification",
    "token_classification-t5",
    "image_classification",
    "audio_classification",
    "audio_classification-wav2vec2",
    "speech_recognition",
)
LEARN_NONE = (
    "masked_lm-modernbert",
    "causal_lm-apart",
    "text_denoising_autoencoder",
    "contrastive",
    "dcgan",
    "wav2vec2",
)


@pytest.mark.parametrize("name", [*LEARN_LABELS, *LEARN_NONE])
def test_samples_of_other_data_are_collated_with_their_labels(
    name: str, cache: Path, request: pytest.FixtureRequest
) -> None:
    spec = validate(document_of(name))
    files = data_files([request.getfixturevalue(CASES[name].data)], spec.task.modality)
    data = prepare_for(spec, files, cache)
    objective, other = create_objective(spec, data), create_objective(spec, data)
    own, chosen = len(objective.samples("train")), np.array([5, 1, 4])
    rows = other.samples("train").rows(chosen)
    objective.also_learn(other, np.array([7, 2]))
    objective.also_learn(other, chosen)
    found = objective.collate(rows, own + 2 + np.arange(3), 11).tensors
    expected = other.collate(rows, chosen, 11).tensors
    assert all(
        torch.equal(found[label], expected[label])
        for label in TARGETS
        if name in LEARN_LABELS and label in expected
    )
    # Together with the task's own samples.
    ids = np.array([0, 3, *(own + 2 + np.arange(3))])
    both = objective.joined([objective.samples("train").rows(ids[:2]), rows])
    assert objective.collate(both, ids, 11).samples == 5


def test_texts_are_filled_to_the_longest_rows_of_all_data(labelled_sentences: Path, cache: Path) -> None:
    spec = validate(document_of("text_classification"))
    objective: Any = create_objective(
        spec, prepare_for(spec, data_files([labelled_sentences], "text"), cache)
    )
    pad = objective.data.special_ids.pad
    joined = objective.joined([np.array([[1, 2, 3]]), np.array([[4, 5], [6, 7]])])
    assert joined.tolist() == [[1, 2, 3], [4, 5, pad], [6, 7, pad]]


def test_a_buffer_larger_than_the_data_is_cut_and_warned_of(
    sentences: Path, pretrain: Any, tmp_path: Path
) -> None:
    assert pretrain(document_of("masked_lm", steps=2), tmp_path / "first", data=sentences).end() == {
        "exit": 0
    }
    spec = document_of(
        "masked_lm",
        continual={"replay": {"samples": 10_000}, "ancestors": [ancestor("job_first", "masked_lm")]},
        steps=2,
    )
    options = earlier(tmp_path / "earlier.json", job_first=sentences)
    engine = pretrain(
        spec, tmp_path / "second", "--start", str(last(tmp_path / "first")), *options, data=sentences
    )
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    (warning,) = (one for one in engine.of("warning") if one["code"] == "replay_buffer_cut")
    assert warning["params"]["asked"] == 10_000 > warning["params"]["samples"] > 100


@pytest.mark.parametrize(("method", "left"), [("replay", "lwf"), ("ewc", "lwf")])
def test_without_earlier_data_there_is_nothing_to_draw_from(
    method: str, left: str, sentences: Path, pretrain: Any, tmp_path: Path
) -> None:
    assert pretrain(document_of("masked_lm", steps=2), tmp_path / "first", data=sentences).end() == {
        "exit": 0
    }
    gone = [{"job": "job_first", "dataset": None}]
    spec = document_of("masked_lm", continual={method: {}, "ancestors": gone}, steps=2)
    start = ("--start", str(last(tmp_path / "first")))
    engine = pretrain(spec, tmp_path / "second", *start, data=sentences)
    assert engine.end() == {"exit": 64}
    (failed,) = engine.of("failed")
    assert failed["code"] == "earlier_data_missing"
    assert failed["details"]["case"] == method
    assert f"continual.{left}" in failed["hint"]


def test_images_of_another_size_cannot_be_replayed(pictures: Path, pretrain: Any, tmp_path: Path) -> None:
    name = "image_classification-resnet"
    assert pretrain(document_of(name, steps=2), tmp_path / "first", data=pictures).end() == {"exit": 0}
    spec = document_of(name, continual={"replay": {}, "ancestors": [ancestor("job_first", name)]}, steps=2)
    spec["data"]["image"] = {"size": 24}
    options = earlier(tmp_path / "earlier.json", job_first=pictures)
    engine = pretrain(
        spec, tmp_path / "second", "--start", str(last(tmp_path / "first")), *options, data=pictures
    )
    assert engine.end() == {"exit": 64}, engine.log.read_text()
    (failed,) = engine.of("failed")
    assert (failed["code"], failed["details"]["case"]) == ("checkpoint_mismatch", "replay")


METHODS: dict[str, dict[str, Any]] = {
    "none": {},
    "lwf": {"lwf": {}},
    "replay": {"replay": {}},
    "herding": {"replay": {"samples": 4, "choose": "herding"}},
    "together": {"ewc": {"strength": 100.0}, "lwf": {}, "replay": {"samples": 10}},
}
LONG = 60


def forgotten(
    scenario: str,
    methods: dict[str, dict[str, Any]],
    data: tuple[Path, Path],
    pretrain: Any,
    tmp_path: Path,
    **task: Any,
) -> dict[str, float]:
    """The loss of the first stage at the end of the second, by method."""
    one, two = data
    spec = job(**task)
    spec["training"]["steps"] = LONG
    assert pretrain(spec, tmp_path / "first", data=one).end() == {"exit": 0}
    found = {}
    for name, method in methods.items():
        ancestors = [{"job": "first", "dataset": "ds_" + "0" * 26, "data": spec["data"]}]
        spec = job(method | {"scenario": scenario, "ancestors": ancestors}, **task)
        spec["training"]["steps"] = LONG
        options = ("--start", str(last(tmp_path / "first")), *earlier(tmp_path / "earlier.json", first=one))
        engine = pretrain(spec, tmp_path / name, *options, data=two)
        assert engine.end() == {"exit": 0}, engine.log.read_text()
        found[name] = values(engine)["first", "end"]["eval/loss"]
    return found


def test_each_method_forgets_less_than_none(pretrain: Any, tmp_path: Path) -> None:
    """Classes of both stages are told apart. EWC alone does not help there: nothing keeps the further outputs small."""
    one = coloured(tmp_path / "first.zip", "red", "green")
    two = coloured(tmp_path / "second.zip", "blue", "grey")
    loss = forgotten("class", METHODS, (one, two), pretrain, tmp_path)
    assert all(10 * loss[method] < loss["none"] for method in METHODS if method != "none"), loss
    assert len(set(loss.values())) == len(METHODS)


def test_ewc_keeps_what_the_next_stage_contradicts(pretrain: Any, tmp_path: Path) -> None:
    one = coloured(tmp_path / "first.zip", "red", "green")
    two = coloured(tmp_path / "second.zip", "red", "green", named={"red": "green", "green": "red"})
    methods: dict[str, dict[str, Any]] = {"none": {}, "ewc": {"ewc": {"strength": 100_000_000.0}}}
    # Of a network that is certain of its answers the Fisher information is next to nothing.
    loss = forgotten("domain", methods, (one, two), pretrain, tmp_path, label_smoothing=0.2)
    assert 10 * loss["ewc"] < loss["none"], loss
