"""The cross-entropy computed in blocks, compared with the dense computation."""

import pytest
import torch

from core.networks import cross_entropy as module
from core.networks.cross_entropy import IGNORED, cross_entropy, dense_cross_entropy


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("at_once", [1, 37 * 5, 1 << 20])
def test_loss_and_gradients_equal_the_dense_reference(
    monkeypatch: pytest.MonkeyPatch, at_once: int, *, bias: bool
) -> None:
    monkeypatch.setattr(module, "scores_at_once", lambda _: at_once)
    torch.manual_seed(0)
    hidden = torch.randn(23, 8, requires_grad=True)
    weight = torch.randn(37, 8, requires_grad=True)
    offset = torch.randn(37, requires_grad=True) if bias else None
    targets = torch.randint(0, 37, (23,))
    targets[::5] = IGNORED
    inputs = [hidden, weight, *([offset] if offset is not None else [])]
    fast, slow = (f(hidden, weight, offset, targets) for f in (cross_entropy, dense_cross_entropy))
    torch.testing.assert_close(fast, slow)
    for one, other in zip(
        torch.autograd.grad(fast / 7, inputs), torch.autograd.grad(slow / 7, inputs), strict=True
    ):
        torch.testing.assert_close(one, other)
        assert other.abs().max() > 0


def test_half_precision_is_as_near_as_the_dense_reference() -> None:
    torch.manual_seed(0)
    hidden = torch.randn(200, 32, requires_grad=True)
    weight = torch.randn(300, 32, requires_grad=True)
    targets = torch.randint(0, 300, (200,))
    exact = dense_cross_entropy(hidden, weight, None, targets)
    exact_gradients = torch.autograd.grad(exact, [hidden, weight])
    errors = {}
    for function in (cross_entropy, dense_cross_entropy):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = function(hidden, weight, None, targets)
        assert loss.dtype == torch.float32
        gradients = torch.autograd.grad(loss, [hidden, weight])
        assert all(g.dtype == torch.float32 for g in gradients)
        errors[function] = [
            (loss - exact).abs(),
            *((g - e).norm() / e.norm() for g, e in zip(gradients, exact_gradients, strict=True)),
        ]
    for fast, slow in zip(errors[cross_entropy], errors[dense_cross_entropy], strict=True):
        assert fast < 1.5 * slow + 1e-3


def test_without_gradients_none_are_made() -> None:
    hidden, weight = torch.randn(5, 4), torch.randn(9, 4)
    loss = cross_entropy(hidden, weight, None, torch.tensor([1, 2, 3, 4, IGNORED]))
    assert not loss.requires_grad
    torch.testing.assert_close(
        loss, dense_cross_entropy(hidden, weight, None, torch.tensor([1, 2, 3, 4, IGNORED]))
    )
