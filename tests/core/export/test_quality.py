"""What a format costs is measured on the exported network, and not on the objective's own."""

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import core.export.quality
from core.data import data_files, prepare_for
from core.export.comparison import Run
from core.export.network import open_network
from core.export.parts import parts_of
from core.export.quality import Quality
from core.objectives.supervised import Supervised
from core.spec.job import JobSpec
from core.spec.problems import validate
from core.spec.supervised import SupervisedTask
from core.tasks.objectives import create_objective
from tests.core.export.conftest import Made, Make
from tests.core.training.reference.jobs import CASES

pytestmark = pytest.mark.usefixtures("own_modules")


def _job(name: str, **changes: Any) -> JobSpec:
    return validate(copy.deepcopy(CASES[name].document) | changes)


_SUPERVISED = [name for name in CASES if isinstance(_job(name).task, SupervisedTask)]


def _by_torch(directory: Path) -> Run:
    [part] = parts_of(open_network(directory))

    def run(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        with torch.no_grad():
            found: Sequence[Tensor] = part.network(*inputs)
        return found

    return run


def _quality(made: Made, job: JobSpec, cache: Path) -> Quality:
    return Quality(made.directory, job, prepare_for(job, data_files([made.data], job.task.modality), cache))


def _own_measures(
    made: Made, job: JobSpec, cache: Path, batch_size: int, chosen: Sequence[int] | None = None
) -> dict[str, float]:
    data = prepare_for(job, data_files([made.data], job.task.modality), cache)
    objective = create_objective(job, data)
    assert isinstance(objective, Supervised)
    objective.restore(made.directory)
    samples = objective.eval().samples("held_out")
    indices = np.arange(len(samples)) if chosen is None else np.array(chosen)
    with torch.no_grad():
        return objective.outcomes(samples, indices, batch_size).values


@pytest.mark.parametrize("name", _SUPERVISED)
def test_the_measures_of_a_task_with_labels_are_those_of_the_exported_network(
    name: str, make: Make, cache: Path
) -> None:
    made, job = make(name, blocks=None), _job(name)
    own = _own_measures(made, job, cache, 8)
    quality, run = _quality(made, job, cache), _by_torch(made.directory)
    assert quality.measure([run]) == pytest.approx(own, rel=1e-4, abs=1e-6, nan_ok=True)
    broken = quality.measure([lambda inputs: [-0.5 * output for output in run(inputs)]])
    assert broken.keys() == own.keys()
    assert broken["loss"] != pytest.approx(own["loss"], rel=1e-3)
    assert quality.measure([run]) == pytest.approx(own, rel=1e-4, abs=1e-6, nan_ok=True)


@pytest.mark.parametrize("name", ["masked_lm", "masked_lm-modernbert", "causal_lm-apart", "causal_lm-llama"])
def test_the_measures_of_a_language_model_are_those_of_the_exported_network(
    name: str, make: Make, cache: Path
) -> None:
    made, job = make(name, blocks=None), _job(name)
    quality, run = _quality(made, job, cache), _by_torch(made.directory)
    tokens: list[int] = []

    def undecided(inputs: Sequence[Tensor]) -> Sequence[Tensor]:
        [found] = run(inputs)
        tokens.append(found.shape[-1])
        return [torch.zeros_like(found)]

    whole, broken = quality.measure([run]), quality.measure([undecided])
    assert broken["loss"] == pytest.approx(math.log(tokens[0]), rel=1e-5)
    assert whole["loss"] != pytest.approx(broken["loss"], rel=1e-5)


@pytest.mark.parametrize("normalization", ["group", "layer"])
@pytest.mark.parametrize("preprocessor", [None, {"do_normalize": False}], ids=["ours", "uploaded"])
def test_waves_are_read_as_the_preprocessor_says_and_without_padding(
    normalization: str, preprocessor: dict[str, Any] | None, make: Make, cache: Path
) -> None:
    document: Any = CASES["speech_recognition"].document
    encoder = document["task"]["feature_encoder"] | {"normalization": normalization}
    changes = {"task": document["task"] | {"feature_encoder": encoder}}
    if preprocessor is not None:
        config = {"do_stable_layer_norm": normalization == "layer"}
        changes["model"] = document["model"] | {"config": config, "preprocessor": preprocessor}
    made, job = make("speech_recognition", blocks=None, **changes), _job("speech_recognition", **changes)
    # One recording a batch has no padding.
    own = _own_measures(made, job, cache, 1)
    found = _quality(made, job, cache).measure([_by_torch(made.directory)])
    # A norm over time changes with the last samples of a recording, which no frame reads.
    exact = 1e-4 if normalization == "group" else 1e-6
    assert found["loss"] == pytest.approx(own["loss"], rel=exact)


def test_of_many_samples_some_are_measured_from_the_whole_split(
    make: Make, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.export.quality, "_MOST_SAMPLES", 3)
    made, job = make("text_classification-gpt2", blocks=None), _job("text_classification-gpt2")
    data = prepare_for(job, data_files([made.data], job.task.modality), cache)
    count = len(create_objective(job, data).samples("held_out"))
    assert count > 9
    own = _own_measures(made, job, cache, 8, [0, count // 3, 2 * count // 3])
    found = _quality(made, job, cache).measure([_by_torch(made.directory)])
    assert found == pytest.approx(own, rel=1e-4, abs=1e-6, nan_ok=True)
