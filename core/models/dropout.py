"""Dropout (Srivastava et al. 2014) whose masks cost little on a CPU.

PyTorch draws a CPU's dropout masks one number after the other from a Mersenne Twister, on one core:
measured, a third of a step of bert-mini. Here a mask is 16 bits a number from NumPy's SFC64, seeded
by one draw from torch's generator, so that ``torch.manual_seed`` still decides everything. On
other devices, and under ``torch.compile``, which fuses the drawing, dropout is PyTorch's own.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel

_LEVELS = 1 << 16
_ATTENTION = "sdpa_with_cheap_dropout"


def keep_mask(shape: torch.Size, dtype: torch.dtype, probability: float) -> Tensor:
    """A mask to multiply with: 0 with ``probability`` (to 16 bits), else what keeps the mean as it was."""
    dropped = min(round(probability * _LEVELS), _LEVELS - 1)
    generator = np.random.SFC64(int(torch.randint(1 << 62, ())))
    words = generator.random_raw(-(-shape.numel() // 4))
    levels = torch.from_numpy(words.view(np.int16)[: shape.numel()]).view(shape)
    return (levels >= dropped - _LEVELS // 2).to(dtype).mul_(_LEVELS / (_LEVELS - dropped))


def dropout(x: Tensor, probability: float) -> Tensor:
    """``x`` with each number set to zero with ``probability``, the rest scaled to keep the mean."""
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return functional.dropout(x, probability)
    return x * keep_mask(x.shape, x.dtype, probability)


class CheapDropout(nn.Dropout):
    """`torch.nn.Dropout` by `dropout`."""

    def forward(self, x: Tensor) -> Tensor:
        return dropout(x, self.p) if self.training and self.p > 0 else x


def attention(
    _module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of (B, heads, L, D) tensors, as `transformers` calls it; gives (B, L, heads, D).

    Where nothing drops, a mask is given or the device has its own kernel, it is PyTorch's fused attention.
    """
    if dropout == 0 or mask is not None or query.device.type != "cpu" or torch.compiler.is_compiling():
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=mask, dropout_p=dropout, scale=scaling
        )
    else:
        shares = torch.softmax((query * scaling) @ key.transpose(-1, -2), dim=-1)
        mixed = (shares * keep_mask(shares.shape, shares.dtype, dropout)) @ value
    return mixed.transpose(1, 2).contiguous(), None


def use_cheap_dropout(model: PreTrainedModel) -> None:
    """Replace a network's dropout, in its attention too."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, CheapDropout(child.p))
    AttentionInterface.register(_ATTENTION, attention)
    model.set_attn_implementation(_ATTENTION)
