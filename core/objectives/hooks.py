"""What may be added to a training loop beside a task's own loss: distillation, and methods against forgetting."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from core.objectives.base import Batch, Losses, Objective, Phase


class Hook:
    """An addition to the loop. Every method has a default that does nothing."""

    name: ClassVar[str]
    """Prefix of its tensors in a checkpoint; lower case, without dots."""
    needs_logits: ClassVar[bool] = False
    """Whether `losses` compares the network's logits (`Objective.logits`)."""

    def before_forward(self) -> None:
        """Called before the network's forward pass on a micro-batch. The network may have computed other things since the last one:
        a trial of its compilation, evaluations."""

    def losses(self, batch: Batch, losses: Losses, logits: Tensor | None) -> Losses:
        """The losses of a micro-batch with what the hook adds: sums over the batch's terms, as `Losses` says.

        Runs after the network's forward pass, under autocast and with gradient.

        Args:
            batch: On the network's device.
            logits: Of `Objective.logits`, if a hook needs them.
        """
        del batch, logits
        return losses

    def penalty(self) -> Mapping[str, Tensor]:
        """Terms that are added to the mean loss once a step, scalars with gradient, by the name of their measure."""
        return {}

    def after_backward(self) -> None:
        """Called once a step, when the gradients of all micro-batches are there and before the optimisers step: trains what a
        hook has of its own."""

    def finish(self) -> None:
        """Called after the last step, in evaluation mode, before the last checkpoint is written."""

    def tensors(self) -> Mapping[str, Tensor]:
        """What a checkpoint keeps of it, on any device."""
        return {}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what `tensors` gave when the checkpoint was written that the run resumes from."""


class Hooks:
    """The additions to one run, in order.

    Args:
        objective: Of the run.
    """

    def __init__(self, objective: Objective | None = None, hooks: Sequence[Hook] = ()) -> None:
        self._objective = objective
        self._hooks = hooks
        self._needs_logits = any(hook.needs_logits for hook in hooks)

    def losses(self, phase: Phase, batch: Batch) -> Losses:
        """The losses of a micro-batch, with those of the hooks."""
        if not self._hooks:
            return phase.forward(batch)
        for hook in self._hooks:
            hook.before_forward()
        logits = None
        if self._needs_logits:
            assert self._objective is not None
            logits = self._objective.logits(batch)
            losses = self._objective.losses_of(logits, batch)
        else:
            losses = phase.forward(batch)
        for hook in self._hooks:
            losses = hook.losses(batch, losses, logits)
        return losses

    def penalty(self) -> Mapping[str, Tensor]:
        """The penalties of all hooks."""
        return {name: term for hook in self._hooks for name, term in hook.penalty().items()}

    def after_backward(self) -> None:
        """Called once a step, before the optimisers step."""
        for hook in self._hooks:
            hook.after_backward()

    def finish(self) -> None:
        """Called after the last step."""
        for hook in self._hooks:
            hook.finish()

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps, named ``HOOK.TENSOR``."""
        return {
            f"{hook.name}.{name}": tensor for hook in self._hooks for name, tensor in hook.tensors().items()
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over what a checkpoint kept."""
        for hook in self._hooks:
            prefix = f"{hook.name}."
            hook.restore(
                {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}
            )
