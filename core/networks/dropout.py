"""Dropout (Srivastava et al. 2014) with masks that are cheap to draw on a CPU.

PyTorch draws dropout masks on a CPU number by number from a Mersenne Twister, on one core: a third of a step of bert-mini,
measured. Here a mask takes 16 bits for each number from NumPy's SFC64, which is seeded by one draw from torch's generator, so
that ``torch.manual_seed`` still determines everything. On other devices, and under ``torch.compile``, which fuses the
drawing, PyTorch's own dropout is used.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.masking_utils import sdpa_mask

_LEVELS = 1 << 16
_ATTENTION = "sdpa_with_cheap_dropout"
_MASKED_ATTENTION = "sdpa_with_cheap_dropout_and_masks"


def keep_mask(shape: torch.Size, dtype: torch.dtype, probability: float) -> Tensor:
    """A mask to multiply with: 0 with ``probability`` (to 16 bits), else the factor that keeps the mean."""
    dropped = min(round(probability * _LEVELS), _LEVELS - 1)
    generator = np.random.SFC64(int(torch.randint(1 << 62, ())))
    words = generator.random_raw(-(-shape.numel() // 4))
    levels = torch.from_numpy(words.view(np.int16)[: shape.numel()]).view(shape)
    return (levels >= dropped - _LEVELS // 2).to(dtype).mul_(_LEVELS / (_LEVELS - dropped))


def dropout(x: Tensor, probability: float) -> Tensor:
    """``x`` with each number set to zero with ``probability``, and the rest scaled to keep the mean."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return functional.dropout(x, probability)
    return x * keep_mask(x.shape, x.dtype, probability)


class CheapDropout(nn.Dropout):
    """`torch.nn.Dropout` implemented by `dropout`."""

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p) if self.training and self.p > 0 else x


def attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    position_bias: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of (B, heads, L, D) tensors, with the interface of `transformers`; returns (B, L, heads, D).

    `transformers` makes no mask for an attention function that it does not know. So a causal module (``is_causal``) without a mask
    is causal here. Any other mask must be complete, with four dimensions: true, or a number to add, where a query attends to a key.
    ``position_bias`` (1, heads, L, L) is added to the scores. PyTorch's fused attention is used where there is no dropout or the
    device has its own kernel, except for bf16 training on a CPU: there the gradient of the fused attention is two to five times
    as slow as that of separate operations (measured for 64 to 512 tokens).
    """
    if key.shape[1] != query.shape[1]:
        # Grouped queries (Ainslie et al. 2023, arXiv 2305.13245): several heads share one head of keys and values.
        group = query.shape[1] // key.shape[1]
        key, value = (tensor.repeat_interleave(group, dim=1) for tensor in (key, value))
    causal = mask is None and query.shape[2] > 1 and getattr(module, "is_causal", True)
    if position_bias is not None:
        mask, causal = _biased(position_bias, mask, causal=causal), False
    written_out = dropout > 0 or (query.dtype == torch.bfloat16 and query.requires_grad)
    if not written_out or query.device.type != "cpu" or torch.compiler.is_compiling():
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=dropout, scale=scaling, is_causal=causal
        )
    else:
        scores = (query * scaling) @ key.transpose(-1, -2)
        if causal:
            mask = _causal(scores)
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
        shares = torch.softmax(scores, dim=-1)
        if dropout > 0:
            shares = shares * keep_mask(shares.shape, shares.dtype, dropout)
        mixed = shares @ value
    return mixed.transpose(1, 2).contiguous(), None


def _causal(scores: Tensor) -> Tensor:
    """True where a query (dimension -2) attends to a key in causal attention: to itself and all before it."""
    return torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()


def _biased(bias: Tensor, mask: Tensor | None, *, causal: bool) -> Tensor:
    if causal:
        mask = _causal(bias)
    if mask is None:
        return bias
    return torch.where(mask, bias, -torch.inf) if mask.dtype == torch.bool else bias + mask


def use_cheap_dropout(model: PreTrainedModel, *, makes_masks: bool = False) -> None:
    """Replace a network's dropout, including that in its attention.

    Args:
        makes_masks: Whether `transformers` makes the masks of attention from those of two dimensions, (B, L), that the network is
            called with; otherwise it ignores them.
    """
    use_cheap_dropout_in(model)
    name = _MASKED_ATTENTION if makes_masks else _ATTENTION
    AttentionInterface.register(name, attention)
    if makes_masks:
        AttentionMaskInterface.register(name, sdpa_mask)
    model.set_attn_implementation(name)


def use_cheap_dropout_in(module: nn.Module) -> None:
    """Replace the dropout modules inside a module."""
    for inner in list(module.modules()):
        for name, child in inner.named_children():
            if type(child) is nn.Dropout:
                setattr(inner, name, CheapDropout(child.p))
