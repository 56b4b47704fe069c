"""The losses of distillation. Each compares outputs of a student, which have a gradient, with those of a teacher."""

import math

import torch
from torch import Tensor
from torch.nn import functional


def logits_loss(student: Tensor, teacher: Tensor, temperature: float, weighed: Tensor | None) -> Tensor:
    """Kullback-Leibler divergence of the student's softmax from the teacher's, times the temperature squared, summed over rows
    (Hinton et al. 2015, arXiv 1503.02531, section 2).

    Args:
        student: Logits, shape (N, C).
        teacher: Likewise.
        weighed: Rows that count, bool (N,); None: all.
    """
    log_p = functional.log_softmax(teacher.float() / temperature, dim=1)
    log_q = functional.log_softmax(student.float() / temperature, dim=1)
    # A row's divergence, without the graph of p.
    each = (log_p.exp() * (log_p - log_q)).sum(dim=1)
    if weighed is not None:
        each = each.masked_fill(~weighed, 0.0)
    return temperature**2 * each.sum()


def cosine_loss(student: Tensor, teacher: Tensor, real: Tensor | None) -> Tensor:
    """One minus the cosine of each token's two vectors, mean over the tokens that are real.

    Args:
        student: Shape (B, T, D).
        teacher: Likewise.
        real: Bool (B, T); None: all.
    """
    return _mean(1 - functional.cosine_similarity(student.float(), teacher.float(), dim=2), real)


def squared_loss(student: Tensor, teacher: Tensor, real: Tensor | None) -> Tensor:
    """Squared difference, mean over the values of a token and over the tokens that are real; arguments as in `cosine_loss`."""
    return _mean((student.float() - teacher.float()).square().mean(dim=2), real)


def relation_loss(
    student: Tensor, teacher: Tensor, heads: int, real: Tensor | None, *, causal: bool
) -> Tensor:
    """Kullback-Leibler divergence of the student's relations between tokens from the teacher's, mean over heads and over the
    tokens that are real (Wang et al. 2020, arXiv 2002.10957).

    A relation is the softmax over tokens of the scaled products of a token's vector with those of all tokens.

    Args:
        student: Queries, keys or values of all heads, shape (B, T, D).
        teacher: Of the same kind, shape (B, T, D'); D and D' are multiples of ``heads``.
        real: Bool (B, T); None: all.
        causal: Whether a token is related to itself and to those before it alone.
    """
    log_q = _relations(student, heads, real, causal=causal)
    with torch.no_grad():
        log_p = _relations(teacher, heads, real, causal=causal)
        p = log_p.exp()
    # Where p is 0, because a token is hidden, both logarithms are that of the smallest number and cancel.
    each = (p * (log_p - log_q)).sum(dim=3).mean(dim=1)
    return _mean(each, real)


def _relations(vectors: Tensor, heads: int, real: Tensor | None, *, causal: bool) -> Tensor:
    """Logarithms of relations, shape (B, heads, T, T)."""
    batch, length, width = vectors.shape
    cut = vectors.float().reshape(batch, length, heads, width // heads).transpose(1, 2)
    scores = cut @ cut.transpose(2, 3) / math.sqrt(width // heads)
    hidden = torch.zeros(length, length, dtype=torch.bool, device=vectors.device)
    if causal:
        hidden = torch.ones_like(hidden).triu(1)
    hidden = hidden[None, None]
    if real is not None:
        # A token is always related to itself, so that rows of padding have a softmax too; they do not count.
        itself = torch.eye(length, dtype=torch.bool, device=vectors.device)
        hidden = hidden | (~real[:, None, None, :] & ~itself)
    return functional.log_softmax(scores.masked_fill(hidden, torch.finfo(scores.dtype).min), dim=3)


def feature_targets(teacher: Tensor) -> Tensor:
    """A teacher's features, (…, D), with mean 0 and variance 1 over D, fp32."""
    return functional.layer_norm(teacher.float(), teacher.shape[-1:])


def _mean(each: Tensor, real: Tensor | None) -> Tensor:
    """The mean of values (B, T) of the tokens that are real."""
    if real is None:
        return each.mean()
    return (each * real).sum() / real.sum().clamp(min=1)
