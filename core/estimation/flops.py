"""Floating-point operations of a step."""

from collections.abc import Sequence

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from core.objectives.base import Batch, Objective
from core.objectives.hooks import Hooks
from core.randomness import seed_torch
from core.training.devices import Place


def flops_per_step(
    objective: Objective, parts: Sequence[Batch], place: Place, hooks: Hooks | None = None
) -> float:
    """FLOPs of a step's forward and backward passes: matrix products, convolutions and attention, two operations for a
    multiplication and an addition.

    Counted in one real pass, with attention written out as products (the counter does not know every fused kernel;
    what a kernel skips above the diagonal of causal attention still counts). Optimisers and element-wise operations,
    which are limited by memory bandwidth and not by arithmetic, are not counted. Gradients are cleared afterwards.

    Args:
        hooks: Additions to the loop, such as a teacher, which count too.
    """
    additions = hooks or Hooks()
    counter = FlopCounterMode(display=False)
    with counter, sdpa_kernel(SDPBackend.MATH):
        for number, part in enumerate(parts):
            seed_torch(0, "dropout", 0, number, 0)
            for phase in objective.phases():
                with place.autocast():
                    losses = additions.losses(phase, part.to(place.device))
                losses.total.backward()  # type: ignore[no-untyped-call]
    objective.zero_grad(set_to_none=True)
    if place.device.type == "cuda":
        torch.cuda.synchronize(place.device)
    return float(counter.get_total_flops())
