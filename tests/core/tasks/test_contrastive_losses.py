"""NT-Xent against the paper's formula, term by term."""

import math

import pytest
import torch

from core.tasks.contrastive.losses import nt_xent


def reference(first: torch.Tensor, second: torch.Tensor, temperature: float) -> torch.Tensor:
    """Equation 1 for every positive pair in both orders, one cosine at a time."""
    views = [view for pair in zip(first, second, strict=True) for view in pair]  # 2k - 1 and 2k are partners

    def similarity(i: int, j: int) -> torch.Tensor:
        return views[i] @ views[j] / (views[i].norm() * views[j].norm())

    def loss(i: int, j: int) -> torch.Tensor:
        others = [torch.exp(similarity(i, k) / temperature) for k in range(len(views)) if k != i]
        return -torch.log(torch.exp(similarity(i, j) / temperature) / torch.stack(others).sum())

    pairs = range(0, len(views), 2)
    return torch.stack([loss(i, i + 1) + loss(i + 1, i) for i in pairs]).sum()


def views(batch: int, width: int = 5) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(batch)
    return [torch.randn(batch, width, generator=generator, requires_grad=True) for _ in range(2)]


@pytest.mark.parametrize("batch", [2, 3, 7])
@pytest.mark.parametrize("temperature", [0.1, 0.5])
def test_loss_and_gradients_are_the_papers(batch: int, temperature: float) -> None:
    pair = views(batch)
    fast, slow = nt_xent(pair[0], pair[1], temperature), reference(pair[0], pair[1], temperature)
    torch.testing.assert_close(fast, slow)
    for a, b in zip(torch.autograd.grad(fast, pair), torch.autograd.grad(slow, pair), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_loss_of_a_single_pair_is_zero() -> None:
    pair = views(1)
    loss = nt_xent(pair[0], pair[1], 0.5)
    assert loss.item() == 0
    assert all((gradient == 0).all() for gradient in torch.autograd.grad(loss, pair))


def test_the_loss_of_equal_pairs_is_the_log_of_the_number_of_choices() -> None:
    same = torch.ones(4, 3)
    assert nt_xent(same, same, 0.1).item() == pytest.approx(8 * math.log(7))


def test_micro_batches_with_gathered_choices_add_up_to_the_whole_loss() -> None:
    first, second = views(6)
    whole = nt_xent(first, second, 0.2)
    everything = (first, second)
    parts = [
        nt_xent(first[o : o + 2], second[o : o + 2], 0.2, gathered=everything, offset=o) for o in (0, 2, 4)
    ]
    together = torch.stack(parts).sum()
    torch.testing.assert_close(together, whole)
    pairs = zip(
        torch.autograd.grad(together, everything), torch.autograd.grad(whole, everything), strict=True
    )
    for a, b in pairs:
        torch.testing.assert_close(a, b)


def test_the_loss_does_not_depend_on_the_lengths_of_projections() -> None:
    first, second = views(3)
    torch.testing.assert_close(nt_xent(first * 7, second * 0.1, 0.5), nt_xent(first, second, 0.5))
