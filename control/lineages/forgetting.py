"""What a job and the stages before it know of each other's data: the forgetting matrix of any of their measures."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from control.db import ReadSession
from control.errors import Invalid
from control.lifecycle.models import Job
from control.lifecycle.schemas import State
from control.lineages import repository
from control.lineages.matrix import summarize
from control.lineages.schemas import ContinualOut, ForgettingOut, MeasureOut, StageOut
from core.spec.job import JobSpec
from core.spec.metrics import Direction
from core.spec.stored import is_known, stored

_PREFERRED = ("eval/accuracy", "eval/bits_per_byte")
"""Measures that are shown by default, where a task has one of them; otherwise the first besides the loss."""


@dataclass(frozen=True)
class _Stage:
    id: str
    name: str | None
    dataset: str | None
    job: Job | None
    """None if it was deleted."""


Values = Mapping[str, Mapping[tuple[str, str], float]]
"""Measure → (job of the row, stage) → value; of ``fresh`` and ``start``, the stage's own job."""


def continual_out(session: ReadSession, job: Job, metric: str | None = None) -> ContinualOut:
    """The stages that a job goes back to, itself the last, with the forgetting matrix.

    Args:
        metric: One of the job's measures that show which model is better, as ``eval/loss``; None: the usual one of its task.

    Raises:
        Invalid: ``validation_failed``: there is no such measure.
    """
    stages = _stages(session, job)
    names = repository.dataset_names(session, [one.dataset for one in stages if one.dataset is not None])
    return ContinualOut(
        job=job.id,
        lineage=repository.of_job(session, job.id),
        stages=[_stage_out(stage, names) for stage in stages],
        forgetting=forgetting(session, job, stages, metric),
    )


def chain(session: ReadSession, job: Job, metric: str | None = None) -> ForgettingOut:
    """The forgetting matrix of a job, by itself."""
    return forgetting(session, job, _stages(session, job), metric)


def forgetting(session: ReadSession, job: Job, stages: Sequence[_Stage], metric: str | None) -> ForgettingOut:
    """See `continual_out`."""
    directions = _directions(job)
    end, start, fresh = _measured(session, stages)
    measured = [name for name in directions if any(name in values for values in (end, start, fresh))]
    chosen = metric or _usual(measured or list(directions))
    if chosen not in directions:
        raise Invalid(
            "validation_failed",
            f"{chosen!r} is no measure of this job that shows which model is better. Such measures are "
            f"{', '.join(directions)}.",
            param="metric",
            params={"case": "no_measure", "chosen": chosen, "directions": list(directions)},
        )
    better = directions[chosen]
    ids = [stage.id for stage in stages]
    ends, starts, freshes = (values.get(chosen, {}) for values in (end, start, fresh))
    matrix: list[list[float | None]] = [[ends.get((row, column)) for column in ids] for row in ids]
    for position in range(1, len(ids)):
        # A stage's measure before its first step is that of the weights after the stage before it.
        matrix[position - 1][position] = starts.get((ids[position], ids[position]))
    untrained = [freshes.get((one, one)) for one in ids]
    found = summarize(matrix, untrained, better)
    return ForgettingOut(
        metric=chosen,
        better=better,
        measures=[MeasureOut(name=name, better=directions[name]) for name in measured],
        jobs=ids,
        matrix=matrix,
        fresh=untrained,
        start=[starts.get((one, one)) for one in ids],
        after=None if found.last is None else ids[found.last],
        average=found.average,
        backward_transfer=found.backward_transfer,
        forward_transfer=found.forward_transfer,
        forgetting=found.forgetting,
    )


def _stages(session: ReadSession, job: Job) -> list[_Stage]:
    """The stages of the job's spec and the job itself, oldest first."""
    continual = job.spec.get("continual") or {}
    ancestors = continual.get("ancestors", [])
    jobs = repository.jobs(session, [one["job"] for one in ancestors])
    earlier = [_Stage(one["job"], one["name"], one["dataset"], jobs.get(one["job"])) for one in ancestors]
    return [*earlier, _Stage(job.id, job.name, job.dataset_id, job)]


def _stage_out(stage: _Stage, names: Mapping[str, str]) -> StageOut:
    job = stage.job
    return StageOut(
        job=stage.id,
        name=job.name if job is not None else stage.name,
        dataset=stage.dataset,
        dataset_name=names.get(stage.dataset or ""),
        state=None if job is None else cast("State", job.state),
    )


def _directions(job: Job) -> dict[str, Direction]:
    if not is_known(job.spec):
        return {"eval/loss": "lower"}
    spec: JobSpec = stored(job.spec)
    return {name: way for name, way in spec.judging_metrics.items() if name.startswith("eval/")}


def _usual(names: Sequence[str]) -> str:
    for name in _PREFERRED:
        if name in names:
            return name
    return next((name for name in names if name != "eval/loss"), names[0])


def _measured(session: ReadSession, stages: Sequence[_Stage]) -> tuple[Values, Values, Values]:
    """What was measured at the end of the stages, at their start, and with fresh weights."""
    moments: dict[str, dict[str, dict[tuple[str, str], float]]] = {"end": {}, "start": {}, "fresh": {}}
    for row in repository.measures(session, [stage.id for stage in stages]):
        if math.isfinite(row.value):
            moments[row.moment].setdefault(row.metric, {})[row.job_id, row.stage] = row.value
    for name, values in _of_first(session, stages).items():
        moments["end"].setdefault(name, {}).setdefault((stages[0].id, stages[0].id), values)
    return moments["end"], moments["start"], moments["fresh"]


def _of_first(session: ReadSession, stages: Sequence[_Stage]) -> dict[str, float]:
    """A first stage without ``continual`` measures nothing by itself: its evaluation at the checkpoint that the next one starts
    from, or, for the last of all, its newest one once it has succeeded."""
    first = stages[0].job
    found: Mapping[str, object] = {}
    following = stages[1].job if len(stages) > 1 else None
    if following is not None and following.parent_checkpoint_id is not None:
        checkpoint = repository.checkpoints(session, [following.parent_checkpoint_id])
        found = next((one.metrics for one in checkpoint.values()), {})
    if not found and first is not None and first.state == "succeeded":
        found = first.latest
    return {
        name: float(value)
        for name, value in found.items()
        if name.startswith("eval/") and isinstance(value, int | float)
    }
