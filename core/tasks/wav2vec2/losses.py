"""The losses of wav2vec 2.0 (Baevski et al. 2020, arXiv 2006.11477, section 3.2)."""

import torch
from torch import Tensor
from torch.nn import functional


def quantized_contrastive(
    predictions: Tensor,
    targets: Tensor,
    codes: Tensor,
    negatives: Tensor,
    within: Tensor,
    *,
    temperature: float,
) -> tuple[Tensor, Tensor]:
    """Equation 3: -log of the share of exp(sim(c_t, q_t) / κ) among it and its negatives, summed over frames.

    A negative with exactly the target's code words is left out. All similarities within a recording are one
    product of matrices: cheaper than gathering K vectors a frame.

    Args:
        predictions: c, shape (B, M, P).
        targets: q, projected, shape (B, M, P).
        codes: the targets' code words, shape (B, M, G).
        negatives: indices into M, shape (B, M, K).
        within: which of the M are frames, bool (B, M); the rest is padding.
        temperature: κ.

    Returns:
        The sum, fp32, and the number of frames that are nearer to their own target than to all their negatives.
    """
    with torch.autocast(predictions.device.type, enabled=False):
        unit_predictions = functional.normalize(predictions.float(), dim=-1, eps=1e-8)
        unit_targets = functional.normalize(targets.float(), dim=-1, eps=1e-8)
        similar = unit_predictions @ unit_targets.transpose(1, 2) / temperature
    own = similar.diagonal(dim1=1, dim2=2)
    same = (codes[:, :, None] == codes[:, None]).all(dim=-1)
    others = similar.gather(2, negatives).masked_fill(same.gather(2, negatives), -torch.inf)
    scores = torch.cat([own[..., None], others], dim=2)
    losses = scores.logsumexp(dim=2) - own
    correct = (own > others.max(dim=2).values) & within
    return (losses * within).sum(), correct.sum()


def codebook_perplexity(shares: Tensor, within: Tensor) -> Tensor:
    """Effective number of code words in use: exp of the entropy of the mean choice, summed over codebooks; 1 … V each.

    Args:
        shares: of each frame's choice, shape (N, G, V).
        within: which of the N are frames, bool (N,).
    """
    weights = within.to(shares.dtype)
    mean = torch.einsum("n,ngv->gv", weights, shares) / weights.sum()
    perplexity: Tensor = torch.special.entr(mean).sum(dim=-1).exp().sum()
    return perplexity


def diversity(perplexity: Tensor, codewords: int) -> Tensor:
    """Share of all G V code words that are not in use: 0 if all are used equally.

    The paper's equation 4 is the negative entropy itself over G V; this, its exponential, is what the authors' own code and
    `transformers` minimise.
    """
    return (codewords - perplexity) / codewords
