"""Every task's encoder has one interface, and every kind of data has one interface for its labels."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import EngineError
from core.spec.training import TrainingSpec
from core.training.probing import examine
from tests.core.tasks.cases import objective_of
from tests.core.training.reference.jobs import CASES

TEXT = [name for name, case in CASES.items() if case.data == "sentences"]
NO_ENCODER = {name for name, case in CASES.items() if case.document["task"]["kind"] == "gan"}


@pytest.mark.parametrize("name", CASES)
@torch.no_grad()
def test_a_task_that_learns_an_encoder_gives_its_features(
    name: str, request: pytest.FixtureRequest, cache: Path
) -> None:
    objective = objective_of(name, request, cache).eval()
    rows = objective.samples("train").rows(np.arange(3))
    encoder, features = objective.learned_encoder, objective.encode(rows)
    assert (encoder is None) == (features is None) == (name in NO_ENCODER)
    if encoder is None:
        with pytest.raises(EngineError, match="trains no encoder"):
            objective.start_from_encoder(cache)
        return
    codes = getattr(objective.task, "code_size", None) if hasattr(objective, "task") else None
    assert features.shape == (3, codes or encoder.width)
    assert features.isfinite().all()
    again = objective.encode(rows[1:])
    torch.testing.assert_close(again, features[1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_labels_are_a_number_a_sample_or_none(name: str, request: pytest.FixtureRequest, cache: Path) -> None:
    objective = objective_of(name, request, cache)
    for split in ("train", "held_out"):
        samples = objective.samples(split)
        if CASES[name].data == "sentences":
            assert samples.labels is None
        else:
            assert samples.labels.shape == (len(samples),)
            assert samples.labels.dtype == np.int64


@pytest.mark.parametrize("name", TEXT)
def test_text_without_labels_has_features_and_no_measures_of_them(
    name: str, request: pytest.FixtureRequest, cache: Path
) -> None:
    objective = objective_of(name, request, cache)
    train, held_out = objective.samples("train"), objective.samples("held_out")
    assert examine(objective, train, held_out, np.arange(3), TrainingSpec(steps=1)) == {}


@torch.no_grad()
def test_padding_is_no_part_of_a_texts_features(request: pytest.FixtureRequest, cache: Path) -> None:
    objective = objective_of("masked_lm-modernbert", request, cache).eval()
    samples, pad = objective.samples("train"), objective.data.special_ids.pad
    rows = samples.rows(np.arange(len(samples)))
    padded = rows[(rows == pad).any(axis=1)][:1]
    length = int((padded != pad).sum())
    alone = objective.learned_encoder.features(torch.from_numpy(padded[:, :length]))
    torch.testing.assert_close(objective.encode(padded), alone, rtol=1e-4, atol=1e-5)
