"""The state of a planned lineage, which follows from the states of its stages' jobs."""

from collections.abc import Mapping, Sequence
from typing import Any

from control.lifecycle.models import Job
from control.lineages.models import LineageStage, PlannedLineage
from control.lineages.schemas import LineageState, LineageStop

_STOPS = {
    "failed": ("stage_failed", "stage {position} failed: retry its job, or resume the lineage"),
    "cancelled": ("stage_cancelled", "stage {position} was cancelled: retry its job, or resume the lineage"),
    "paused": ("stage_paused", "stage {position} is paused: resume its job, or the lineage"),
}
"""State of the newest stage's job → code and sentence of why the lineage does not go on."""


def newest(stages: Sequence[LineageStage]) -> LineageStage:
    """The last stage that was submitted; the first one always is."""
    return [stage for stage in stages if stage.submitted_at is not None][-1]


def state_of(
    lineage: PlannedLineage, stages: Sequence[LineageStage], jobs: Mapping[str, Job]
) -> tuple[LineageState, LineageStop | None]:
    """The state, and for a stopped lineage why it does not go on by itself.

    Args:
        stages: In order.
        jobs: Of the stages, by id, those that were not deleted.
    """
    stage = newest(stages)
    job = jobs.get(stage.job_id or "")
    if job is not None and job.state == "succeeded" and stage is stages[-1]:
        return "succeeded", None
    if lineage.cancelled_at is not None:
        return "cancelled", None
    if job is None:
        position = stage.position + 1
        return "stopped", LineageStop(
            code="stage_deleted",
            message=f"the job of stage {position} was deleted, so that no further stage can start from it",
            params={"position": position},
            position=position,
        )
    if job.state in _STOPS:
        code, sentence = _STOPS[job.state]
        return "stopped", _stop(code, sentence, stage, job)
    if lineage.failure is not None:
        return "stopped", LineageStop.model_validate(lineage.failure)
    return "running", None


def _stop(code: str, sentence: str, stage: LineageStage, job: Job) -> LineageStop:
    params: dict[str, Any] = {"position": stage.position + 1, "job": job.id}
    if job.failure is not None:
        params["failure"] = {name: job.failure[name] for name in ("code", "message")}
    return LineageStop(
        code=code, message=sentence.format(**params), params=params, position=stage.position + 1
    )
