"""The loss that brings a network's outputs near those of another one (Hinton et al. 2015, arXiv 1503.02531)."""

from torch import Tensor
from torch.nn import functional


def divergence(logits: Tensor, targets: Tensor, temperature: float) -> Tensor:
    """The Kullback-Leibler divergence of softmax(logits / T) from softmax(targets / T), times T squared, of each row: shape (N,).

    It is their cross-entropy without the entropy of the targets, a constant, so that it is 0 where the outputs are the same. The
    factor makes gradients as large as those of a cross-entropy at any temperature.

    Args:
        logits: Shape (N, C), with gradient.
        targets: The other network's logits, shape (N, C).
        temperature: T.
    """
    own, other = ((one.float() / temperature).log_softmax(dim=1) for one in (logits, targets))
    return temperature**2 * functional.kl_div(own, other, log_target=True, reduction="none").sum(dim=1)
