"""The teacher, the centre and the schedules of DINO and BYOL."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.networks.vision import features
from core.networks.vit_positions import crop_features
from core.tasks.self_distillation.objective import teacher_temperature_at
from core.tasks.self_distillation.spec import SelfDistillation
from core.teachers.moving_average import cosine
from tests.core.tasks.gradients import assert_same_gradients
from tests.core.tasks.image_tasks import coloured_pictures, create, image_job


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


def batch_of(objective: Any, ids: np.ndarray, key: int = 3) -> Any:
    return objective.collate(objective.samples("train").rows(ids), ids, key)


def test_the_temperature_of_the_teacher_warms_up_linearly() -> None:
    task = SelfDistillation(
        teacher_temperature_start=0.04, teacher_temperature=0.08, teacher_temperature_warmup=0.2
    )
    found = [teacher_temperature_at(step, 50, task) for step in (0, 5, 10, 50)]
    assert found == pytest.approx([0.04, 0.06, 0.08, 0.08])
    level = task.model_copy(update={"teacher_temperature_warmup": 0.0})
    assert teacher_temperature_at(1, 50, level) == pytest.approx(0.08)


@pytest.mark.parametrize("name", ["dino-vit", "byol"])
def test_the_teacher_is_a_moving_average_that_no_gradient_reaches(
    name: str, pictures: Path, cache: Path
) -> None:
    _, _, objective = create(image_job(name), pictures, cache)
    students = [*objective.student.parameters(), *objective.head.parameters()]
    teachers = [*objective.teacher.parameters(), *objective.teacher_head.parameters()]
    assert all(torch.equal(s, t) for s, t in zip(students, teachers, strict=True)), "they begin alike"
    objective(batch_of(objective, np.arange(3))).total.backward()
    assert all(t.grad is None for t in teachers)
    with torch.no_grad():
        for parameter in students:
            parameter.add_(1.0)
    before = [t.clone() for t in teachers]
    objective.after_step(3)
    momentum = cosine(0.996, 6)(3)
    for old, new, student in zip(before, teachers, students, strict=True):
        torch.testing.assert_close(new, momentum * old + (1 - momentum) * student.detach())
    assert (objective.encoder is objective.teacher) == name.startswith("dino"), "what the paper keeps"


def test_the_centre_is_the_moving_mean_over_all_micro_batches_of_a_step(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("dino-vit"), pictures, cache)
    with torch.no_grad():
        objective.centre.normal_()
    before = objective.centre.clone()
    parts = [batch_of(objective, np.arange(0, 4)), batch_of(objective, np.arange(4, 8))]
    outputs = []
    for part in parts:
        objective(part)
        views = objective.views(part)
        large = torch.cat([views["first"], views["second"]])
        outputs.append(objective.teacher_head(features(objective.teacher, large, "cls")))
    mean = torch.cat(outputs).mean(dim=0)
    objective.after_step(1)
    torch.testing.assert_close(objective.centre, 0.9 * before + 0.1 * mean)
    assert not objective.teacher_sum.any()


def test_evaluation_changes_no_state(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("dino"), pictures, cache)
    before = {key: tensor.clone() for key, tensor in objective.named_buffers()}
    objective.eval()
    with torch.no_grad():
        objective.evaluate(objective.samples("held_out"), np.arange(4), 2)
    assert all(torch.equal(tensor, before[key]) for key, tensor in objective.named_buffers())


def test_prototypes_stay_as_long_as_they_are_frozen(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("dino-vit"), pictures, cache)  # half of six steps
    for step, moves in ((1, False), (2, False), (3, False), (4, True)):
        objective(batch_of(objective, np.arange(3))).total.backward()
        assert bool(objective.head.prototypes.grad.any()) == moves
        objective.zero_grad(set_to_none=True)
        objective.after_step(step)


def test_local_crops_are_small_and_only_for_the_student(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("dino-vit", size=32), pictures, cache)
    views = objective.views(batch_of(objective, np.arange(3)))
    assert {kind: tuple(crops.shape) for kind, crops in views.items()} == {
        "first": (3, 3, 32, 32),
        "second": (3, 3, 32, 32),
        "local": (6, 3, 12, 12),  # whole patches of 4, near 96 of 224
    }


def test_without_local_crops_there_are_two_large_ones(pictures: Path, cache: Path) -> None:
    document = image_job("dino")
    document["task"] = document["task"] | {"local_crops": 0}
    _, _, objective = create(document, pictures, cache)
    assert objective(batch_of(objective, np.arange(2))).total.isfinite()


def slow_dino(objective: Any, batch: Any) -> torch.Tensor:
    """Equations 1 to 3 (arXiv 2104.14294), one image and one pair of crops at a time."""
    views, task = objective.views(batch), objective.task
    count = batch.samples
    large = [views[kind][b : b + 1] for kind in ("first", "second") for b in range(count)]
    small = [crop[None] for crop in views["local"]]
    with torch.no_grad():
        teacher = [
            objective.teacher_head(features(objective.teacher, crop, objective.pooling))[0] for crop in large
        ]
    student = [
        objective.head(crop_features(objective.student, crop, objective.pooling))[0]
        for crop in (*large, *small)
    ]
    total = torch.zeros(())
    for b in range(count):
        own = [scores for number, scores in enumerate(student) if number % count == b]
        pairs = [(g, v) for g in range(2) for v in range(len(own)) if v != g]
        for g, v in pairs:
            raised = torch.exp((teacher[g * count + b] - objective.centre) / task.teacher_temperature)
            guessed = torch.exp(own[v] / task.student_temperature)
            cross = -((raised / raised.sum()) * torch.log(guessed / guessed.sum())).sum()
            total = total + cross / len(pairs)
    return total


@pytest.mark.parametrize("name", ["dino", "dino-vit"])
@pytest.mark.parametrize(("batch", "size", "channels"), [(3, 16, 3), (1, 15, 1)])
def test_dinos_loss_and_gradients_are_the_formulas(
    name: str, batch: int, size: int, channels: int, pictures: Path, cache: Path
) -> None:
    document = image_job(name, size=size, channels=channels)
    document["task"] = document["task"] | {"teacher_temperature_warmup": 0.0, "frozen_prototypes": 0.0}
    _, _, objective = create(document, pictures, cache)
    objective.eval()
    with torch.no_grad():
        objective.centre.normal_(std=0.1, generator=torch.Generator().manual_seed(0))
        for weight in objective.teacher_head.parameters():
            weight.mul_(1.5)  # teacher and student begin alike
    made = batch_of(objective, np.arange(batch))
    assert made.count == batch
    assert_same_gradients(objective, objective(made).total, slow_dino(objective, made))


@pytest.mark.parametrize(("batch", "size", "channels"), [(3, 16, 3), (1, 15, 1)])
def test_byols_loss_and_gradients_are_the_formulas(
    batch: int, size: int, channels: int, pictures: Path, cache: Path
) -> None:
    """Equation 2 (arXiv 2006.07733) in both directions: the target is the other view."""
    _, _, objective = create(image_job("byol", size=size, channels=channels), pictures, cache)
    objective.eval()
    with torch.no_grad():
        for weight in objective.teacher_head.parameters():
            weight.mul_(1.5)
    made = batch_of(objective, np.arange(batch))
    assert made.count == 2 * batch
    views = objective.views(made)
    expected = torch.zeros(())
    for own, other in (("first", "second"), ("second", "first")):
        for b in range(batch):
            guess = objective.predictor(objective.head(features(objective.student, views[own][b : b + 1])))
            with torch.no_grad():
                target = objective.teacher_head(features(objective.teacher, views[other][b : b + 1]))
            expected = expected + ((guess / guess.norm() - target / target.norm()) ** 2).sum()
    assert_same_gradients(objective, objective(made).total, expected)
