"""The methods of a spec's section ``continual``, as additions to the loop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from torch import Tensor

from core.checkpoints.bundle import read_hooks
from core.continual.classes import InCommon
from core.continual.ewc import ElasticWeightConsolidation
from core.continual.lwf import OldOutputs
from core.continual.measuring import Prepare
from core.continual.replay import ReplayBuffer
from core.continual.stage_adapters import AdapterOfEachStage
from core.data.progress import OnProgress
from core.events import Events
from core.objectives.base import Objective
from core.objectives.hooks import Hook
from core.spec.job import JobSpec
from core.training.batches import Replayed
from core.training.devices import Place


@dataclass(frozen=True, slots=True)
class Methods:
    """The methods that a job uses; None for the others."""

    ewc: ElasticWeightConsolidation | None = None
    lwf: OldOutputs | None = None
    replay: ReplayBuffer | None = None
    adapters: AdapterOfEachStage | None = None
    old_outputs: Sequence[Sequence[int]] = ()
    """What `OldOutputs.begin` takes."""

    @classmethod
    def of(  # noqa: PLR0917 - what a run is made of
        cls,
        job: JobSpec,
        common: InCommon,
        objective: Objective,
        place: Place,
        events: Events,
        on_progress: OnProgress,
    ) -> Self:
        """The methods of a job.

        Args:
            job: With every ``auto`` decided.
            common: The data of the stage that is learned, and of the earlier ones.
            objective: Of the run.
        """
        asked = job.continual
        if asked is None:
            return cls()
        return cls(
            ewc=ElasticWeightConsolidation(asked.ewc, job, common, objective, place, on_progress)
            if asked.ewc
            else None,
            lwf=OldOutputs(asked.lwf, job, common.data, objective, place) if asked.lwf else None,
            replay=ReplayBuffer(asked.replay, job, common.stages, objective, place, events, on_progress)
            if asked.replay
            else None,
            adapters=AdapterOfEachStage(asked.adapters, job, common, objective, place, on_progress)
            if asked.adapters
            else None,
            old_outputs=old_outputs(common),
        )

    @property
    def hooks(self) -> list[Hook]:
        """The additions to the loop."""
        return [hook for hook in (self.ewc, self.lwf, self.replay, self.adapters) if hook is not None]

    @property
    def prepare(self) -> Prepare | None:
        """What is done with an objective before a stage is measured at the end; as of `StageMeasures`."""
        return None if self.adapters is None else self.adapters.prepare

    def begin(self, start: Path) -> None:
        """Prepare the methods before the first step, with the weights that the stage starts from.

        Args:
            start: The checkpoint with these weights.
        """
        if self.ewc is not None:
            self.ewc.begin(_below(f"{self.ewc.name}.", read_hooks(start)))
        if self.adapters is not None:
            self.adapters.begin(_below(f"{self.adapters.name}.", read_hooks(start)))
        if self.lwf is not None:
            self.lwf.begin(self.old_outputs)

    def replayed(self) -> Replayed | None:
        """The second source of samples. Called once, after `begin` or after the hooks were restored."""
        return None if self.replay is None else self.replay.replayed()


def old_outputs(common: InCommon) -> Sequence[Sequence[int]]:
    """The outputs that a classifier had before the stage, in the groups of which each has a softmax of its own; empty: all, as one
    group, as of a network without classes."""
    by_stage = [stage.among for stage in common.stages if stage.among is not None]
    if by_stage:
        return list(dict.fromkeys(by_stage))
    return [range(len(common.known))] if common.known else []


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): one for name, one in tensors.items() if name.startswith(prefix)}
