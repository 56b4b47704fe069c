"""Cross-entropy of a vocabulary head without keeping the logits of all positions in memory.

A dense head keeps logits, their log-softmax and both gradients for every position: 16 bytes for each position and vocabulary
entry. Here the logits of some positions at a time are computed, and their part of the gradient at once, as in Cut Cross-Entropy
(Wijmans et al. 2024, arXiv 2411.09009) and Liger (Hsu et al. 2024, arXiv 2410.10989). `dense_cross_entropy` is the
reference implementation with all logits.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional

from core.spec.architectures.language import scores_at_once

IGNORED = -100
"""The target of positions that do not count."""


def dense_cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
    """The result of `cross_entropy`, computed with all logits at once."""
    scores = functional.linear(hidden, weight, bias).float()
    return functional.cross_entropy(scores, targets, reduction="sum", ignore_index=IGNORED)


def cross_entropy(hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor) -> Tensor:
    """Summed negative log-likelihood in nats of ``targets`` under ``softmax(hidden @ weight.T + bias)``, in fp32.

    Args:
        hidden: Shape (N, H).
        weight: Shape (V, H).
        bias: Shape (V,).
        targets: Shape (N,), `IGNORED` where there is none.
    """
    kind = hidden.device.type
    half = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else hidden.dtype
    loss: Tensor = _CrossEntropy.apply(hidden, weight, bias, targets, half)  # type: ignore[no-untyped-call]
    return loss


def token_cross_entropy(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
    """The terms of `cross_entropy`, one for each target, shape (N,), in fp32; without gradient."""
    rows = max(1, scores_at_once(hidden.device.type) // weight.shape[0])
    with torch.no_grad():
        parts = [
            functional.cross_entropy(functional.linear(part, weight).float(), wanted, reduction="none")
            for part, wanted in zip(torch.split(hidden, rows), torch.split(targets, rows), strict=True)
        ]
    return torch.cat(parts)


class _CrossEntropy(torch.autograd.Function):
    """Logits by matrix products in ``dtype``; everything else in fp32."""

    @staticmethod
    def forward(  # noqa: PLR0917 - as autograd calls it
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, dtype: torch.dtype
    ) -> Tensor:
        needs = ctx.needs_input_grad[:3]
        x, w = hidden.detach().to(dtype), weight.detach().to(dtype)
        b = None if bias is None else bias.detach().to(dtype)
        rows = max(1, scores_at_once(x.device.type) // w.shape[0])
        total = torch.zeros((), device=x.device)
        by_hidden = torch.empty_like(x) if needs[0] else None
        by_weight = torch.zeros_like(w, dtype=torch.float32) if needs[1] else None
        by_bias = torch.zeros(w.shape[0], device=x.device) if needs[2] else None
        with torch.autocast(x.device.type, enabled=False):
            for start in range(0, len(x), rows):
                part = slice(start, start + rows)
                scores = functional.linear(x[part], w, b).float()
                wanted = targets[part]
                counts = wanted != IGNORED
                wanted = wanted.clamp(min=0)[:, None]
                chosen = scores.gather(1, wanted)
                normaliser = scores.logsumexp(dim=1, keepdim=True)
                total += ((normaliser - chosen).squeeze(1) * counts).sum()
                if not any(needs):
                    continue
                # The gradient with respect to the logits: the softmax, minus one at the target.
                by_scores = scores.sub_(normaliser).exp_()
                by_scores.scatter_add_(1, wanted, by_scores.new_full((1, 1), -1.0).expand(len(wanted), 1))
                by_scores *= counts[:, None]
                if by_bias is not None:
                    by_bias += by_scores.sum(dim=0)
                by_scores = by_scores.to(dtype)
                if by_hidden is not None:
                    torch.mm(by_scores, w, out=by_hidden[part])
                if by_weight is not None:
                    by_weight += by_scores.t() @ x[part]
        ctx.kinds = tuple(None if t is None else t.dtype for t in (hidden, weight, bias))
        ctx.save_for_backward(by_hidden, by_weight, by_bias)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_loss: Tensor) -> tuple[Tensor | None, ...]:
        gradients = zip(ctx.saved_tensors, ctx.kinds, strict=True)
        return (*(None if g is None else (g * by_loss).to(kind) for g, kind in gradients), None, None)
