"""Stops a run whose loss or gradient norm is not finite, and reports the step at which it happened."""

import torch
from torch import Tensor

from core.errors import EngineError
from core.training.batches import BatchStream


class DivergenceCheck:
    """Records the first step whose loss or gradient norm was not finite.

    The record is on the device, so that a step does not wait for the GPU; `check` reads it on the host. On a CPU
    reading costs nothing and is done at each step.
    """

    def __init__(self, device: torch.device, batches: BatchStream) -> None:
        self.looks_each_step = device.type == "cpu"
        self._batches = batches
        self._first = torch.zeros(3, dtype=torch.float64, device=device)

    def note(self, step: int, loss: Tensor, gradient_norm: Tensor) -> None:
        """Record step ``step`` if it is the first that is not finite."""
        now = torch.stack(
            [torch.full_like(loss, step, dtype=torch.float64), loss.double(), gradient_norm.double()]
        )
        is_first = (self._first[0] == 0) & ~now.isfinite().all()
        self._first = torch.where(is_first, now, self._first)
        if self.looks_each_step:
            self.check()

    def check(self) -> None:
        """Raises:
        EngineError: ``non_finite_loss`` if a step since the start was not finite.
        """
        step, loss, gradient_norm = self._first.tolist()
        if step == 0:
            return
        raise EngineError(
            "non_finite_loss",
            f"At step {step:.0f} the loss was {loss} and the gradient's norm {gradient_norm}.",
            "Continue from the last checkpoint with a lower learning_rate, a longer warm-up, a gradient_clip, or "
            "precision fp32; details.sample_ids names the sequences of that step.",
            step=int(step),
            loss=loss,
            gradient_norm=gradient_norm,
            sample_ids=self._batches.sample_ids(int(step)).tolist(),
        )
