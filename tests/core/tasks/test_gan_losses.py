"""The losses of discriminator and generator, compared with the papers' formulas."""

import pytest
import torch
from torch import nn

from core.tasks.gan.losses import (
    hinge_discriminator,
    hinge_generator,
    logistic_discriminator,
    logistic_generator,
    r1_penalty,
)


@pytest.fixture(params=[1, 5])
def scores(request: pytest.FixtureRequest) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(request.param)
    real, made = (2 * torch.randn(request.param, generator=generator) for _ in range(2))
    return real.requires_grad_(), made.requires_grad_()


def same(fast: torch.Tensor, slow: torch.Tensor, *inputs: torch.Tensor) -> None:
    torch.testing.assert_close(fast, slow)
    pairs = zip(torch.autograd.grad(fast, inputs), torch.autograd.grad(slow, inputs), strict=True)
    for a, b in pairs:
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_hinge(scores: tuple[torch.Tensor, torch.Tensor]) -> None:
    real, made = scores
    zero = torch.zeros(())
    slow = -sum(torch.minimum(zero, s - 1) for s in real) - sum(torch.minimum(zero, -s - 1) for s in made)
    assert isinstance(slow, torch.Tensor)
    same(hinge_discriminator(real, made), slow, real, made)
    same(hinge_generator(made), -1 * sum(iter(made)), made)


def test_logistic(scores: tuple[torch.Tensor, torch.Tensor]) -> None:
    real, made = scores
    slow = -(torch.log(torch.sigmoid(real)).sum() + torch.log(1 - torch.sigmoid(made)).sum())
    same(logistic_discriminator(real, made), slow, real, made)
    same(logistic_generator(made), -torch.log(torch.sigmoid(made)).sum(), made)


@pytest.mark.parametrize("batch", [1, 3])
def test_r1_is_the_squared_gradient_of_each_score(batch: int) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 7), nn.Tanh(), nn.Linear(7, 1))
    images = torch.randn(batch, 3, 2, 2, requires_grad=True)
    fast = r1_penalty(network(images).flatten(), images)
    slow = torch.zeros(())
    for image in images.detach():
        one = image[None].requires_grad_()
        (gradient,) = torch.autograd.grad(network(one).squeeze(), one, create_graph=True)
        slow = slow + (gradient**2).sum()
    # The last bias does not affect the gradient with respect to an image, so its own gradient is None.
    same(fast, slow, *list(network.parameters())[:3])


def test_r1_of_a_linear_function_is_its_squared_slope() -> None:
    images = torch.randn(4, 2, requires_grad=True)
    assert r1_penalty(images @ torch.tensor([3.0, 4.0]), images).item() == pytest.approx(4 * 25)
