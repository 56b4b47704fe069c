"""Rows of planned lineages → schemas for HTTP."""

from collections.abc import Mapping, Sequence
from typing import Any

from control.db import ReadSession
from control.lifecycle.models import Job
from control.lifecycle.presenters import progress
from control.lineages import repository
from control.lineages.forgetting import chain
from control.lineages.models import LineageStage, PlannedLineage
from control.lineages.schemas import PlannedLineageOut, PlannedLineageSummary
from control.lineages.states import state_of


def lineage_out(
    session: ReadSession, lineage: PlannedLineage, metric: str | None = None
) -> PlannedLineageOut:
    """One lineage with all fields.

    Args:
        metric: As for `control.lineages.forgetting.continual_out`.

    Raises:
        Invalid: ``validation_failed``: there is no such measure.
    """
    stages = repository.stages(session, [lineage.id])[lineage.id]
    jobs = repository.jobs(session, [one.job_id for one in stages if one.job_id is not None])
    newest = [jobs[one.job_id] for one in stages if one.job_id in jobs]
    names = repository.dataset_names(session, [one.dataset_id for one in stages])
    facts = _facts(lineage, stages, jobs, names)
    return PlannedLineageOut.model_validate(
        facts
        | {
            "spec": lineage.spec,
            "forgetting": chain(session, newest[-1], metric) if newest else None,
        }
    )


def summaries(session: ReadSession, lineages: Sequence[PlannedLineage]) -> list[PlannedLineageSummary]:
    """Lineages in the order given, with a few queries for all of them."""
    stages = repository.stages(session, [lineage.id for lineage in lineages])
    every = [one for found in stages.values() for one in found]
    jobs = repository.jobs(session, [one.job_id for one in every if one.job_id is not None])
    names = repository.dataset_names(session, {one.dataset_id for one in every})
    return [
        PlannedLineageSummary.model_validate(_facts(lineage, stages[lineage.id], jobs, names))
        for lineage in lineages
    ]


def _facts(
    lineage: PlannedLineage,
    stages: Sequence[LineageStage],
    jobs: Mapping[str, Job],
    names: Mapping[str, str],
) -> dict[str, Any]:
    state, stop = state_of(lineage, stages, jobs)
    return {
        "id": lineage.id,
        "name": lineage.name,
        "task": lineage.spec["task"]["kind"],
        "state": state,
        "stop": stop,
        "stages": [_stage(stage, names, jobs.get(stage.job_id or "")) for stage in stages],
        "created_at": lineage.created_at,
    }


def _stage(stage: LineageStage, names: Mapping[str, str], job: Job | None) -> dict[str, Any]:
    missing = "waiting" if stage.submitted_at is None else "deleted"
    return {
        "position": stage.position + 1,
        "dataset": stage.dataset_id,
        "dataset_name": names.get(stage.dataset_id),
        "job": None if job is None else job.id,
        "state": missing if job is None else job.state,
        "progress": None if job is None else progress(job),
    }
