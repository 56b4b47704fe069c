"""Exponential moving averages of weights (Polyak and Juditsky 1992, in the form that networks are averaged in).

The teachers of DINO, BYOL and I-JEPA, the generator that a GAN keeps, and the average of a run's weights
(`core.training.ema`) are such averages. They differ in how the momentum, the share of itself that an average keeps in
a step, changes over the steps.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

Momentum = Callable[[int], float]
"""A function of the step, counted from 1: the momentum, the share (0 … 1) of its old value that an average keeps."""


def cosine(start: float, steps: int) -> Momentum:
    """From ``start`` before the first of ``steps`` steps to 1 in the last, by a cosine: DINO's and BYOL's."""
    return lambda step: 1.0 - (1.0 - start) * (math.cos(math.pi * step / steps) + 1.0) / 2.0


def linear(start: float, steps: int) -> Momentum:
    """From ``start`` before the first of ``steps`` steps to 1 in the last, along a line: I-JEPA's."""
    return lambda step: start + (1 - start) * (step / steps)


def warmed_up(decay: float) -> Momentum:
    """``min(decay, (1 + t) / (10 + t))`` in step t: low at the start, when earlier weights are of no use."""
    return lambda step: min(decay, (1 + step) / (10 + step))


@torch.no_grad()
def follow(averages: Sequence[Tensor], weights: Sequence[Tensor], momentum: float) -> None:
    """Make each of ``averages``, in place, ``momentum * average + (1 - momentum) * weight``.

    Args:
        weights: of the same number and shapes, at least one.
    """
    torch._foreach_lerp_(list(averages), list(weights), 1.0 - momentum)


class MovingAverage:
    """Modules whose parameters are the moving average of other modules' parameters. They get no gradient.

    Args:
        pairs: a trained module, and the averaged one of the same kind.
        momentum: a function of the step.
        buffers: whether buffers are averaged too (integer buffers are copied). Otherwise the averaged modules have
            buffers of their own, as for a teacher whose batch norms compute their own statistics.
    """

    def __init__(
        self, *pairs: tuple[nn.Module, nn.Module], momentum: Momentum, buffers: bool = False
    ) -> None:
        self._pairs = pairs
        self._momentum = momentum
        self._buffers = buffers
        for _, average in pairs:
            average.requires_grad_(False)

    def update(self, step: int) -> None:
        """Update the averages with the trained weights after step ``step``, counted from 1."""
        # Looked up in each step: moving a module to another device replaces its buffers.
        found = [pair for trained, average in self._pairs for pair in self._tensors(trained, average)]
        floating = [(average, weight) for average, weight in found if average.is_floating_point()]
        follow([average for average, _ in floating], [weight for _, weight in floating], self._momentum(step))
        with torch.no_grad():
            for average, value in found:
                if not average.is_floating_point():
                    average.copy_(value)

    def _tensors(self, trained: nn.Module, average: nn.Module) -> Sequence[tuple[Tensor, Tensor]]:
        if self._buffers:
            return list(zip(average.state_dict().values(), trained.state_dict().values(), strict=True))
        return list(zip(average.parameters(), trained.parameters(), strict=True))
