"""Teacher networks are deterministic, get no gradient and are not among the trained parameters."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.core.tasks.cases import objective_of

TEACHERS = {
    "joint_embedding_prediction": ("encoder",),
    "dino": ("encoder", "teacher_head"),
    "byol": ("companion", "teacher_head"),
    "dcgan": ("averaged", "judge"),
}


@pytest.mark.parametrize("name", TEACHERS)
def test_a_moving_average_is_in_no_optimiser_and_starts_equal_to_its_student(
    name: str, request: pytest.FixtureRequest, cache: Path
) -> None:
    objective = objective_of(name, request, cache)
    trained = {
        key for parameters in objective.optimizers().values() for key, p in parameters if p.requires_grad
    }
    for part in TEACHERS[name]:
        assert not any(key.startswith(f"{part}.") for key in trained)
        assert not any(p.requires_grad for p in getattr(objective, part).parameters())
    pairs = {
        "joint_embedding_prediction": [("student", "encoder")],
        "dino": [("companion", "encoder"), ("head", "teacher_head")],
        "byol": [("encoder", "companion"), ("head", "teacher_head")],
        "dcgan": [("generator", "averaged")],
    }[name]
    for student, teacher in pairs:
        live, slow = getattr(objective, student).state_dict(), getattr(objective, teacher).state_dict()
        assert all(torch.equal(tensor, slow[key]) for key, tensor in live.items())


def test_jepas_targets_have_no_dropout_and_mean_0_and_variance_1(
    request: pytest.FixtureRequest, cache: Path
) -> None:
    objective = objective_of("joint_embedding_prediction", request, cache, model={"dropout": 0.4})
    objective.train()
    with (
        torch.no_grad()
    ):  # as after long training: the network's own last norm no longer has mean 0 and variance 1
        objective.encoder.layernorm.weight.mul_(torch.linspace(0.5, 4.0, 16))
        objective.encoder.layernorm.bias.add_(2.0)
    ids = np.arange(4)
    batch = objective.collate(objective.samples("train").rows(ids), ids, 1)
    pixels = objective.normalised(objective.pixels(objective.samples("train").rows(ids)))
    patches = batch.tensors["targets"]
    first, second = (objective.targets(pixels, patches) for _ in range(2))
    assert torch.equal(first, second)
    assert not first.requires_grad
    assert objective.student.training
    torch.testing.assert_close(first.mean(-1), torch.zeros(first.shape[:-1]), atol=1e-5, rtol=0)
    torch.testing.assert_close(first.var(-1, correction=0), torch.ones(first.shape[:-1]), atol=1e-2, rtol=0)
    guesses = [objective.predict(pixels, batch) for _ in range(2)]
    assert not torch.equal(*guesses), "what learns does drop"


@pytest.mark.parametrize("name", ["dino", "byol"])
def test_no_gradient_flows_into_a_teacher_or_from_its_targets(
    name: str, request: pytest.FixtureRequest, cache: Path
) -> None:
    objective: Any = objective_of(name, request, cache)
    ids = np.arange(4)
    objective(objective.collate(objective.samples("train").rows(ids), ids, 2)).total.backward()
    with_gradient = {key for key, p in objective.named_parameters() if p.grad is not None}
    assert with_gradient == {key for key, p in objective.named_parameters() if p.requires_grad}
