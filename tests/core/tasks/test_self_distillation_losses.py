"""DINO's and BYOL's losses against the papers' formulas, term by term."""

import math

import pytest
import torch

from core.tasks.self_distillation.losses import byol, dino, moved_centre


def dino_reference(
    student: torch.Tensor, teacher: torch.Tensor, centre: torch.Tensor, tau_s: float, tau_t: float
) -> torch.Tensor:
    """Equations 1 to 3, one image and one pair of views at a time."""
    total, pairs = torch.zeros(()), 0
    for g in range(len(teacher)):
        for v in range(len(student)):
            if g == v:
                continue
            pairs += 1
            for b in range(student.shape[1]):
                raised = torch.exp((teacher[g, b].detach() - centre) / tau_t)
                target = raised / raised.sum()
                guess = torch.exp(student[v, b] / tau_s)
                total = total - (target * torch.log(guess / guess.sum())).sum()
    return total / pairs


@pytest.mark.parametrize(("views", "batch"), [(2, 1), (2, 3), (6, 4)])
def test_the_dino_loss_and_gradient_equal_those_of_the_paper(views: int, batch: int) -> None:
    generator = torch.Generator().manual_seed(views)
    student = torch.randn(views, batch, 9, generator=generator, requires_grad=True)
    teacher = torch.randn(2, batch, 9, generator=generator, requires_grad=True)
    centre = torch.randn(9, generator=generator)
    fast = dino(student, teacher, centre, student_temperature=0.3, teacher_temperature=0.2)
    slow = dino_reference(student, teacher, centre, 0.3, 0.2)
    torch.testing.assert_close(fast, slow)
    (a,) = torch.autograd.grad(fast, student, retain_graph=True)
    (b,) = torch.autograd.grad(slow, student)
    torch.testing.assert_close(a, b)
    assert torch.autograd.grad(fast, teacher, allow_unused=True) == (None,), (
        "the teacher learns nothing by it"
    )


def test_the_dino_loss_of_a_uniform_teacher_is_the_log_of_the_number_of_outputs() -> None:
    silent = torch.zeros(2, 3, 16)
    loss = dino(silent, silent, torch.zeros(16), student_temperature=0.1, teacher_temperature=0.04)
    assert loss.item() == pytest.approx(3 * math.log(16), rel=1e-6)


def test_the_centre_removes_what_all_images_have_in_common() -> None:
    shared = torch.tensor([5.0, 0.0, -5.0])
    own = torch.tensor([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    settings = {"student_temperature": 0.1, "teacher_temperature": 0.1}
    student = torch.stack([own, own])
    centred = dino(student, torch.stack([own + shared] * 2), shared, **settings)
    torch.testing.assert_close(centred, dino(student, student, torch.zeros(3), **settings))


def test_the_centre_moves_towards_the_teachers_mean() -> None:
    moved = moved_centre(torch.tensor([1.0, 0.0]), torch.tensor([3.0, -2.0]), 0.9)
    torch.testing.assert_close(moved, torch.tensor([1.2, -0.2]))


@pytest.mark.parametrize("batch", [1, 4])
def test_byol_is_the_squared_distance_of_unit_vectors(batch: int) -> None:
    generator = torch.Generator().manual_seed(batch)
    guess = torch.randn(batch, 6, generator=generator, requires_grad=True)
    target = torch.randn(batch, 6, generator=generator, requires_grad=True)
    unit_guess = guess / guess.norm(dim=1, keepdim=True)
    unit_target = target.detach() / target.detach().norm(dim=1, keepdim=True)
    slow, fast = (unit_guess - unit_target).square().sum(), byol(guess, target)
    torch.testing.assert_close(fast, slow)
    (a,) = torch.autograd.grad(fast, guess, retain_graph=True)
    (b,) = torch.autograd.grad(slow, guess)
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)
    assert torch.autograd.grad(fast, target, allow_unused=True) == (None,)
