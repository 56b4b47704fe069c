"""Comparison of a loss and its gradients with a slow reference."""

from torch import Tensor, autograd, nn
from torch.testing import assert_close


def assert_same_gradients(network: nn.Module, found: Tensor, expected: Tensor) -> None:
    """Check that both losses and their gradients of every trained weight are equal, and that every weight has a gradient."""
    assert_close(found, expected, rtol=1e-5, atol=1e-6)
    named = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    pairs = zip(
        named,
        autograd.grad(found, list(named.values()), allow_unused=True),
        autograd.grad(expected, list(named.values()), allow_unused=True),
        strict=True,
    )
    reached = 0
    for name, one, other in pairs:
        assert (one is None) == (other is None), name
        if one is not None and other is not None:
            scale = other.abs().max().item()
            assert_close(
                one, other, rtol=1e-3, atol=1e-4 * scale + 1e-6, msg=lambda text, name=name: f"{name}: {text}"
            )
            reached += 1
    assert reached
