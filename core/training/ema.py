"""The exponential moving average of a run's weights (``training.ema_decay``)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from core.objectives.base import Objective
from core.teachers.moving_average import follow, warmed_up


class ExponentialMovingAverage:
    """Averaged copies of an objective's trained parameters, on their device.

    The momentum is that of `warmed_up`.
    """

    def __init__(self, objective: Objective, decay: float) -> None:
        named = [(name, p) for name, p in objective.named_parameters() if p.requires_grad]
        self._names = [name for name, _ in named]
        self._weights: list[Tensor] = [parameter.detach() for _, parameter in named]
        self._averages = [weight.clone() for weight in self._weights]
        self._momentum = warmed_up(decay)

    def update(self, step: int) -> None:
        """Update the averages with the weights after step ``step`` (1-based)."""
        follow(self._averages, self._weights, self._momentum(step))

    def state(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``state_dict()`` with the averages in place of the weights; live tensors."""
        of_weight = {
            weight.data_ptr(): average for weight, average in zip(self._weights, self._averages, strict=True)
        }
        return {name: of_weight.get(tensor.data_ptr(), tensor) for name, tensor in state.items()}

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """A context in which the networks have the averages as their weights. No training step may be done in it."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        # Values are copied, because compiled networks and CUDA graphs keep the weights' addresses.
        kept = [weight.clone() for weight in self._weights]
        torch._foreach_copy_(self._weights, self._averages)
        torch._foreach_copy_(self._averages, kept)
