"""The weights that a run's networks begin with: fresh ones, or those of a checkpoint of its own, of another job, or of a teacher."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch

from core.checkpoints.bundle import averaged_folder, read_state
from core.checkpoints.resume import Origin
from core.checkpoints.start import EncoderStart
from core.continual.classes import InCommon
from core.distillation.half import take_blocks
from core.distillation.teacher import Teacher
from core.events import Events
from core.objectives.base import Objective
from core.spec.distillation_rules import kept_blocks
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.ema import ExponentialMovingAverage


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where the weights come from."""

    origin: Origin | None
    """The checkpoint that the run goes on from, at its step."""
    start: EncoderStart | None
    """The checkpoint of which a run at step 0 takes a part."""
    teacher: Teacher | None

    def objective(
        self, job: JobSpec, common: InCommon, device: torch.device, events: Events
    ) -> tuple[Objective, ExponentialMovingAverage | None]:
        """The objective on its device, and the weights' moving average, if the job keeps one.

        Raises:
            DataError: there are too few samples; EngineError: ``checkpoint_mismatch``.
        """
        objective = self._create(job, common, events)
        objective.samples("train").require(job.training.sequences_per_step)
        objective.samples("held_out").require(1)
        decay, average = job.training.ema_decay, None
        averaged = averaged_folder(self.origin.path) if self.origin else None
        if decay is not None and averaged is not None:
            with objective.knowing(common.known):
                objective.restore(averaged)
            objective.to(device)
            average = ExponentialMovingAverage(objective, decay)
        self._take(job, common, objective, events)
        objective.to(device)
        if decay is not None and average is None:
            average = ExponentialMovingAverage(objective, decay)
        return objective, average

    def _create(self, job: JobSpec, common: InCommon, events: Events) -> Objective:
        """The objective, with the weights that it must have before it is adapted."""
        start, data = self.start, common.data
        if start is not None and start.scope == "all":
            take = partial(_take_published, path=start.path, known=common.known, events=events)
            objective = create_objective(job, data, begin=take)
        elif start is not None and start.scope == "weights" and _adds_adapter(job):
            below = partial(_take_below_adapters, path=start.path, known=common.known)
            objective = create_objective(job, data, begin=below)
        else:
            of_encoder = start is not None and start.scope == "encoder"
            objective = create_objective(job, data, start.path if start and of_encoder else None)
        if common.among is not None:
            objective.answer_among(common.among)
        return objective

    def _take(self, job: JobSpec, common: InCommon, objective: Objective, events: Events) -> None:
        """Give the adapted objective the weights that `_create` has not given it."""
        origin, start = self.origin, self.start
        if origin:
            with objective.knowing(common.known):
                objective.restore(origin.path)
            if origin.manifest.data_key != common.data.key:
                events.warn(
                    "data_changed",
                    f"{origin.path} was trained on different data or with a different tokenizer.",
                    checkpoint=str(origin.path),
                )
        elif start is not None and start.scope == "weights":
            if not _adds_adapter(job):
                with objective.knowing(common.known):
                    objective.start_from_weights(start.path)
        elif start is None or start.scope == "tokenizer":
            self._take_half(job, objective)

    def _take_half(self, job: JobSpec, objective: Objective) -> None:
        """Give a student of half its teacher's blocks the teacher's weights."""
        if (
            self.teacher is not None
            and job.distillation is not None
            and job.distillation.student == "every_other"
        ):
            take_blocks(objective, self.teacher, kept_blocks(job, self.teacher.job) or [])


def _adds_adapter(job: JobSpec) -> bool:
    """Whether a job puts an adapter of its own stage into a network that stays as it is."""
    return job.continual is not None and job.continual.adapters is not None


def _take_below_adapters(objective: Objective, path: Path, known: Sequence[str]) -> None:
    """Take the network that a checkpoint has below the adapter of its stage, or if it has none, the whole network."""
    with objective.knowing(known):
        objective.restore_below(path, layers=_adds_adapter(JobSpec.model_validate(read_state(path)["spec"])))


def _take_published(objective: Objective, path: Path, known: Sequence[str], events: Events) -> None:
    """Take what a network that was made elsewhere has of the weights."""
    with objective.knowing(known):
        missing = objective.start_from_published(path)
    if missing:
        events.warn(
            "weights_missing",
            f"The checkpoint has no weights for {len(missing)} tensors of the network, such as {missing[0]}; they are "
            "newly initialised.",
            weights=missing[:20],
            count=len(missing),
        )
