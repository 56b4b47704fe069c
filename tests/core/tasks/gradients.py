"""A loss and its gradients held against a slow reference's."""

from torch import Tensor, autograd, nn
from torch.testing import assert_close


def assert_same_gradients(network: nn.Module, found: Tensor, expected: Tensor) -> None:
    """Both losses, and what they give to every trained weight, are the same; weights that neither reaches are none."""
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
