"""Elastic weight consolidation (EWC): Kirkpatrick et al. 2017, arXiv 1612.00796; online: Schwarz et al. 2018, arXiv 1805.06370."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

import torch
from torch import Tensor

from core.continual.classes import InCommon
from core.continual.earlier import Stage
from core.continual.fisher import fisher_information
from core.continual.opening import opened
from core.data.progress import OnProgress
from core.errors import EngineError
from core.objectives.base import Objective
from core.objectives.hooks import Hook
from core.spec.continual import ElasticWeights
from core.spec.job import JobSpec
from core.training.devices import Place

_FISHER, _ANCHOR, _NEXT = "fisher.", "anchor.", "next."
"""Prefixes of the tensors in a checkpoint: of the penalty of the run, and what the run leaves to the stage after it."""

_BATCHES = 500
"""Batches from which Fisher information is estimated at least, where they may have several samples: each parameter's has then an error
of about 6 percent."""


class ElasticWeightConsolidation(Hook):
    """Adds lambda / 2 x sum of F (w - w*)^2 to the mean loss, as ``train/ewc_penalty``.

    w* are the weights that the stage starts from, and F the Fisher information of the stages before: that of the newest, plus
    ``decay`` times that of those before it. At the end of the stage its own Fisher information is added for the stage after it.

    Where a layer has more outputs than in the checkpoint that the stage starts from, the penalty is on those that it had; they are
    the first. Parameters that are not trained have none.

    Args:
        job: With every ``auto`` decided.
        common: The data of the earlier stages, and the classes that the checkpoint knows.
        objective: Of the run, with the weights that it starts from, unless `restore` is called.
    """

    name: ClassVar[str] = "ewc"

    def __init__(  # noqa: PLR0917 - what a run is made of
        self,
        settings: ElasticWeights,
        job: JobSpec,
        common: InCommon,
        objective: Objective,
        place: Place,
        on_progress: OnProgress,
    ) -> None:
        self._settings = settings
        self._job = job
        self._stages = [_among_known(stage, len(common.known)) for stage in common.stages]
        self._objective = objective
        self._place = place
        self._on_progress = on_progress
        self._fisher: dict[str, Tensor] = {}
        self._anchors: dict[str, Tensor] = {}
        self._next: dict[str, Tensor] = {}

    def begin(self, kept: Mapping[str, Tensor]) -> None:
        """Take the Fisher information from the checkpoint that the stage starts from, or compute what it has not.

        Args:
            kept: What the checkpoint has of `tensors`; empty where its job had no EWC.

        Raises:
            EngineError: ``earlier_data_missing``, where it has none and no data of an earlier stage are there.
        """
        if found := _below(_NEXT, kept):
            self._fisher = found
        elif found := _below(_FISHER, kept):
            # A checkpoint from before the end of a stage with EWC.
            self._fisher = self._with_decay(found, self._of_stages(self._newest))
        elif self._stages:
            self._fisher = self._of_stages(self._stages)
        else:
            raise EngineError(
                "earlier_data_missing",
                "The spec asks for EWC. The checkpoint that the job starts from has no Fisher information, and the dataset of no "
                "earlier stage is there to compute it from.",
                "Leave continual.ewc out; continual.lwf needs no earlier data.",
                case="ewc",
            )
        self._fisher = {name: one.to(self._place.device) for name, one in self._fisher.items()}
        parameters = dict(self._objective.named_parameters())
        self._fisher = {name: one for name, one in self._fisher.items() if name in parameters}
        self._anchors = {
            name: _first(parameters[name], one).detach().float().clone() for name, one in self._fisher.items()
        }

    def penalty(self) -> Mapping[str, Tensor]:
        parameters = dict(self._objective.named_parameters())
        terms = [
            (fisher * (_first(parameters[name], fisher) - self._anchors[name]).square()).sum()
            # A file has its tensors in another order, and the order decides the last bits of a sum.
            for name, fisher in sorted(self._fisher.items())
            if parameters[name].requires_grad
        ]
        if not terms:
            return {}
        return {"ewc_penalty": self._settings.strength / 2 * torch.stack(terms).sum()}

    def finish(self) -> None:
        self._next = self._with_decay(self._fisher, self._of(self._objective))

    def tensors(self) -> Mapping[str, Tensor]:
        parts = ((_FISHER, self._fisher), (_ANCHOR, self._anchors), (_NEXT, self._next))
        return {prefix + name: tensor for prefix, part in parts for name, tensor in part.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        device = self._place.device
        self._fisher, self._anchors, self._next = (
            {name: tensor.to(device) for name, tensor in _below(prefix, tensors).items()}
            for prefix in (_FISHER, _ANCHOR, _NEXT)
        )

    @property
    def _newest(self) -> Sequence[Stage]:
        """The stage that wrote the checkpoint; () if its data are not there."""
        assert self._job.continual is not None
        newest = self._job.continual.ancestors[-1:]
        return [stage for stage in self._stages if stage.ancestor in newest]

    def _of_stages(self, stages: Sequence[Stage]) -> dict[str, Tensor]:
        """The Fisher information of earlier stages at the weights that this one starts from."""
        weights = self._objective.state_dict()
        found: dict[str, Tensor] = {}
        for stage in stages:
            found = self._with_decay(found, self._of(opened(stage, self._job, weights, self._place)))
        return found

    def _of(self, objective: Objective) -> dict[str, Tensor]:
        training = self._job.training
        return fisher_information(
            objective,
            samples=self._settings.samples,
            seed=training.seed,
            place=self._place,
            gives_logits=self._job.task.gives_logits,
            at_once=self._at_once(objective),
            on_progress=self._on_progress,
        )

    def _at_once(self, objective: Objective) -> int:
        training = self._job.training
        part = training.sequences_per_step // training.accumulation_steps
        if objective.compares_samples:
            return part
        return max(1, min(part, self._settings.samples // _BATCHES)) if self._job.task.gives_logits else 1

    def _with_decay(self, before: Mapping[str, Tensor], new: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The Fisher information of all stages; of outputs that the earlier ones did not have, that of the new one."""
        found = {name: one.clone() for name, one in new.items()}
        for name, one in before.items():
            if name not in found:
                found[name] = self._settings.decay * one
            else:
                _first(found[name], one).add_(one.to(found[name].device), alpha=self._settings.decay)
        return found


def _among_known(stage: Stage, classes: int) -> Stage:
    """The stage, with its answers among the classes that the checkpoint knows: the others have no Fisher information then.

    Args:
        classes: Their number; 0 for a task without classes.
    """
    return stage if stage.among is not None or not classes else replace(stage, among=tuple(range(classes)))


def _first(tensor: Tensor, like: Tensor) -> Tensor:
    """The first rows of a tensor, as many as another has."""
    return tensor if tensor.shape == like.shape else tensor[: len(like)]


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}
