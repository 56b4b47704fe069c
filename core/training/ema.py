"""An exponential moving average of the weights (Polyak and Juditsky 1992, in the form that networks are averaged in)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from core.objectives.base import Objective


class ExponentialMovingAverage:
    """Averaged copies of an objective's trained parameters, on their device.

    After step t each is ``d * average + (1 - d) * weight`` with ``d = min(decay, (1 + t) / (10 + t))``: short at the
    start, when the weights of a few steps ago are still noise.
    """

    def __init__(self, objective: Objective, decay: float) -> None:
        named = [(name, p) for name, p in objective.named_parameters() if p.requires_grad]
        self._names = [name for name, _ in named]
        self._weights: list[Tensor] = [parameter.detach() for _, parameter in named]
        self._averages = [weight.clone() for weight in self._weights]
        self._decay = decay

    def update(self, step: int) -> None:
        """Take the weights after step ``step`` (1-based) in."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._averages, self._weights, 1.0 - decay)

    def state(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``state_dict()`` with the averages in the weights' place; live tensors."""
        of_weight = {
            weight.data_ptr(): average for weight, average in zip(self._weights, self._averages, strict=True)
        }
        return {name: of_weight.get(tensor.data_ptr(), tensor) for name, tensor in state.items()}

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within it, the networks have the averages as their weights. No training step may fall in it."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def take_weights(self) -> None:
        """Continue from the weights that the networks have now."""
        torch._foreach_copy_(self._averages, self._weights)

    def _swap(self) -> None:
        # By copies: compiled networks and CUDA graphs hold on to the weights' addresses.
        kept = [weight.clone() for weight in self._weights]
        torch._foreach_copy_(self._weights, self._averages)
        torch._foreach_copy_(self._averages, kept)
