"""Stops a run whose numbers went wrong, and says at which step they did."""

import torch
from torch import Tensor

from core.errors import EngineError
from core.training.batches import BatchStream


class DivergenceCheck:
    """Remembers the first step whose loss or gradient norm was not finite.

    It is remembered on the device, so that a step costs a GPU no wait; `check` is where the host
    looks. On a CPU looking is free and done each step.
    """

    def __init__(self, device: torch.device, batches: BatchStream) -> None:
        self.looks_each_step = device.type == "cpu"
        self._batches = batches
        self._first = torch.zeros(3, dtype=torch.float64, device=device)

    def note(self, step: int, loss: Tensor, gradient_norm: Tensor) -> None:
        """Take down step ``step`` if it is the first bad one."""
        now = torch.stack(
            [torch.full_like(loss, step, dtype=torch.float64), loss.double(), gradient_norm.double()]
        )
        is_first = (self._first[0] == 0) & ~now.isfinite().all()
        self._first = torch.where(is_first, now, self._first)
        if self.looks_each_step:
            self.check()

    def check(self) -> None:
        """Raises:
        EngineError: ``non_finite_loss`` if a step was bad since the start.
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
