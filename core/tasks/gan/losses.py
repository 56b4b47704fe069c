"""Losses of a GAN's generator and discriminator; scores have shape (B,), losses are sums over B."""

import torch
from torch import Tensor
from torch.nn import functional


def hinge_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    """Hinge loss: real scores above 1, generated below -1 (Lim and Ye 2017, arXiv 1705.02894; Miyato 2018, 1802.05957, eq. 16)."""
    return functional.relu(1.0 - real.float()).sum() + functional.relu(1.0 + generated.float()).sum()


def hinge_generator(generated: Tensor) -> Tensor:
    """The generator's hinge loss, the negative score, unbounded (Miyato et al. 2018, arXiv 1802.05957, equation 17)."""
    return -generated.float().sum()


def logistic_discriminator(real: Tensor, generated: Tensor) -> Tensor:
    """Cross-entropy of real against generated images (Goodfellow et al. 2014, arXiv 1406.2661, equation 1), nats."""
    return functional.softplus(-real.float()).sum() + functional.softplus(generated.float()).sum()


def logistic_generator(generated: Tensor) -> Tensor:
    """The generator's non-saturating form: - log D(G(z)) (arXiv 1406.2661, section 3), nats."""
    return functional.softplus(-generated.float()).sum()


def r1_penalty(scores: Tensor, images: Tensor) -> Tensor:
    """Squared norm of the gradient of each score with respect to its image, summed (Mescheder et al. 2018, arXiv 1801.04406, equation 9).

    To be weighted with gamma / 2. The discriminator must not use batch statistics, with which a score's gradient would
    depend on other images.

    Args:
        scores: of real images, shape (B,), computed from ``images``.
        images: they require a gradient, shape (B, …).
    """
    (gradient,) = torch.autograd.grad(scores.float().sum(), images, create_graph=True)
    return gradient.float().square().sum()
