"""A network that learns further classes keeps what it knew of the others."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from core.data import data_files, prepare_for
from core.data.matched_classes import matched
from core.networks.heads import named_classes, output_layer
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from tests.core.training.reference.jobs import CASES

CLASSIFIERS = [
    name
    for name, case in CASES.items()
    if case.document["task"]["kind"].endswith("classification") and name != "text_classification-gpt2"
]
"""Without the case that learns a number."""


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_larger_head_has_the_rows_of_the_checkpoint_and_fresh_ones_behind_them(
    name: str, request: pytest.FixtureRequest, cache: Path, tmp_path: Path
) -> None:
    document = copy.deepcopy(CASES[name].document)
    document["task"].pop("class_weights", None)
    job = validate(document)
    files = data_files([request.getfixturevalue(CASES[name].data)], job.task.modality)
    data: Any = prepare_for(job, files, cache)
    before: Any = create_objective(job, data)
    with torch.no_grad():
        for parameter in before.parameters():
            parameter.add_(0.125)
    checkpoint, scratch = tmp_path / "checkpoint", tmp_path / "scratch"
    checkpoint.mkdir()
    scratch.mkdir()
    before.export(checkpoint, before.state_dict())
    known = named_classes(checkpoint)
    assert known == tuple(data.classes)

    wider = matched(data, (*known, "Y-later", "Z-later"), scratch).data
    after: Any = create_objective(job, wider)
    fresh = output_layer(after.model, after.learned_encoder.body).weight.detach().clone()
    trained = [parameter.requires_grad for parameter in after.parameters()]
    with after.knowing(known):
        after.restore(checkpoint)
    assert after.model.config.id2label == dict(enumerate((*known, "Y-later", "Z-later")))
    assert after.model.config.num_labels == len(known) + 2
    assert [parameter.requires_grad for parameter in after.parameters()] == trained
    found, old = after.state_dict(), before.state_dict()
    assert list(found) == list(old)
    grown = [key for key in old if found[key].shape != old[key].shape]
    assert 1 <= len(grown) <= 2
    for key, values in old.items():
        assert torch.equal(found[key][: len(values)] if key in grown else found[key], values)
    weight = next(key for key in grown if key.endswith("weight"))
    assert torch.equal(found[weight][len(known) :], fresh[len(known) :])
    samples = after.samples("train")
    assert after.predictions(samples, torch.arange(3).numpy(), 3).shape[-1] == len(known) + 2
