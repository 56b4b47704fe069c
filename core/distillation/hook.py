"""Adds the losses of distillation to a training loop."""

from collections.abc import Mapping

import torch
from torch import Tensor

from core.distillation.cache import KeptOutputs
from core.distillation.losses import logits_loss
from core.distillation.matching import Matching, Side
from core.distillation.teacher import Teacher
from core.objectives.base import Batch, Losses, Objective
from core.objectives.hooks import Hook
from core.spec.distillation import Distillation
from core.spec.job import JobSpec


def distilling(
    job: JobSpec,
    objective: Objective,
    teacher: Teacher,
    device: torch.device,
    kept: KeptOutputs | None = None,
) -> Hook:
    """The addition to the loop of a job with ``distillation``.

    Args:
        objective: The student's, on ``device``.
        teacher: Is moved to ``device``, unless its outputs are ``kept``.
    """
    assert job.distillation is not None
    if kept is not None:
        return _WithKeptLogits(job.distillation, objective, kept)
    kind = _WithLogits if job.distillation.logits else _Distilling
    return kind(job, objective, teacher, device)


class _Distilling(Hook):
    """The student's loss, with those of what it is to match: mean losses times the batch's terms, so that they are means again."""

    name = "distillation"

    def __init__(self, job: JobSpec, objective: Objective, teacher: Teacher, device: torch.device) -> None:
        assert job.distillation is not None
        self._wanted = job.distillation
        self._objective = objective
        self._teacher = teacher
        teacher.objective.to(device)
        self._matching: Matching | None = None
        if self._wanted.observes:
            student = Side(objective, job, self._wanted, is_student=True)
            watched = Side(teacher.objective, teacher.job, self._wanted, is_student=False)
            self._matching = Matching(self._wanted, student, watched, job)
            if self._matching.regression is not None:
                self._matching.regression.to(device)

    def before_forward(self) -> None:
        if self._matching is not None:
            self._matching.forget()

    def losses(self, batch: Batch, losses: Losses, logits: Tensor | None) -> Losses:
        wanted = self._wanted
        total = wanted.task * losses.total
        named = dict(losses.named) | {"own_loss": losses.total.detach()}
        with torch.no_grad():
            outputs = self._teacher.compute(batch)
        if wanted.logits:
            assert logits is not None
            assert outputs is not None
            loss = _of_logits(self._objective, batch, logits, outputs, wanted)
            total = total + wanted.logits * loss
            named["logits_loss"] = loss.detach()
        if self._matching is not None:
            for name, (weight, mean) in self._matching.losses(batch.tensors.get("real")).items():
                total = total + weight * batch.count * mean
                named[name] = batch.count * mean.detach()
        return Losses(total, named)

    def after_backward(self) -> None:
        if self._matching is not None and self._matching.regression is not None:
            self._matching.regression.step()

    def tensors(self) -> Mapping[str, Tensor]:
        if self._matching is None or self._matching.regression is None:
            return {}
        return self._matching.regression.tensors()

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        if tensors and self._matching is not None and self._matching.regression is not None:
            self._matching.regression.take_over(tensors)


class _WithLogits(_Distilling):
    needs_logits = True


class _WithKeptLogits(Hook):
    """The student's loss, with that of the logits, from a teacher's outputs that were computed before."""

    name = "distillation"
    needs_logits = True

    def __init__(self, wanted: Distillation, objective: Objective, kept: KeptOutputs) -> None:
        self._wanted = wanted
        self._objective = objective
        self._kept = kept

    def losses(self, batch: Batch, losses: Losses, logits: Tensor | None) -> Losses:
        assert logits is not None
        assert batch.ids is not None
        outputs = self._kept.logits(batch.ids, logits.device)
        loss = _of_logits(self._objective, batch, logits, outputs, self._wanted)
        total = self._wanted.task * losses.total + self._wanted.logits * loss
        named = {"own_loss": losses.total.detach(), "logits_loss": loss.detach()}
        return Losses(total, dict(losses.named) | named)


def _of_logits(
    objective: Objective, batch: Batch, logits: Tensor, outputs: Tensor, wanted: Distillation
) -> Tensor:
    """The summed divergence of a batch's logits from the teacher's."""
    return logits_loss(logits, outputs[:, : logits.shape[1]], wanted.temperature, objective.weighed(batch))
