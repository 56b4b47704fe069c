"""Submission of planned lineages: everything that can be known of all stages is checked before the first is submitted."""

from collections.abc import Iterable, Mapping
from typing import Any

from control.checkpoints import repository as checkpoints
from control.db import WriteSession, now
from control.errors import Invalid
from control.ids import new_id
from control.jobs.admission import examine, examine_further
from control.jobs.submission import details_of, priority_problems, refuse, submit
from control.lifecycle.models import Job
from control.lineages import repository, stages
from control.lineages.models import LineageStage, PlannedLineage
from control.lineages.schemas import PlannedLineageIn
from control.quotas.service import require_room
from control.schemas import ProblemDetail
from core.spec.continual import MOST_STAGES
from core.spec.job import JobSpec
from core.spec.problems import SpecError, shorten, validate


def plan(session: WriteSession, project_id: str, body: PlannedLineageIn, *, by_admin: bool) -> PlannedLineage:
    """A new lineage, whose first stage is submitted in the same transaction.

    Args:
        by_admin: As for `control.jobs.submission.submit`.

    Raises:
        Invalid: ``validation_failed``: the spec is not valid for the first stage, or not for the further ones.
        QuotaExceeded: there is no room for another checkpoint.
        SeedbedError: what `submit` refuses, for any of the stages.
    """
    document = _document(body)
    count = len(body.datasets)
    opening = _valid(stages.first(document, body.datasets[0], count))
    following = [
        _valid(stages.further(document, dataset, position, count))
        for position, dataset in enumerate(body.datasets)
        if position > 0
    ]
    errors = _named(priority_problems(opening, by_admin=by_admin), 0)
    admission = examine(session, project_id, opening)
    errors += _named(admission.errors, 0)
    errors += _too_many(admission.spec, count)
    if not errors:
        errors = [
            error
            for position, spec in enumerate(following, 1)
            for error in _named(examine_further(session, project_id, spec, admission.spec).errors, position)
        ]
    refuse(_unique(errors)[:20])
    require_room(session, project_id, "checkpoints", 1, checkpoints.taken)
    lineage = PlannedLineage(
        id=new_id("lin"),
        project_id=project_id,
        name=document["name"],
        spec=_stored(document, opening, following[0]),
    )
    session.add(lineage)
    session.flush()
    job = submit(session, project_id, opening, by_admin=by_admin)
    for position, dataset in enumerate(body.datasets):
        first = position == 0
        session.add(
            LineageStage(
                lineage_id=lineage.id,
                position=position,
                dataset_id=dataset,
                job_id=job.id if first else None,
                submitted_at=now(session) if first else None,
            )
        )
    session.flush()
    return lineage


def submit_next(
    session: WriteSession, lineage: PlannedLineage, stage: LineageStage, before: Job, count: int
) -> Job:
    """Submit a further stage from the last checkpoint of the one before.

    Args:
        lineage: Its row is locked.
        before: The job of the stage before; it has succeeded.
        count: Number of all stages.

    Raises:
        Invalid: ``validation_failed``; SeedbedError: what `submit` refuses.
    """
    present = checkpoints.present(session, before.id)
    if not present:
        raise Invalid(
            "no_checkpoint",
            f"{before.id} has no checkpoint left to start from.",
            params={"case": "none_left", "job": before.id},
        )
    document = stages.further(lineage.spec, stage.dataset_id, stage.position, count, present[0].id)
    job = submit(session, lineage.project_id, _valid(document))
    if not repository.mark_submitted(session, lineage.id, stage.position, job.id):
        raise AssertionError("a stage of a locked lineage was submitted elsewhere")
    session.expire(stage)
    return job


def _document(body: PlannedLineageIn) -> dict[str, Any]:
    """The spec as it was given, without what the service fills in for each stage."""
    document = {name: value for name, value in body.spec.items() if name != "dataset"}
    continual = document.get("continual")
    if isinstance(continual, Mapping):
        document["continual"] = {name: value for name, value in continual.items() if name != "ancestors"}
    if body.name is not None:
        document["name"] = body.name
    if not isinstance(document.get("name"), str):
        document["name"] = "lineage"
    return document


def _stored(document: Mapping[str, Any], opening: JobSpec, following: JobSpec) -> dict[str, Any]:
    """What is kept of the document: its validated values, without any that it leaves out."""
    kept = opening.model_dump(mode="json", exclude_unset=True, exclude={"dataset", "name", "continual"})
    continual = following.model_dump(mode="json", exclude_unset=True, include={"continual"})
    return kept | continual | {"name": document["name"]}


def _valid(document: Mapping[str, Any]) -> JobSpec:
    """
    Raises:
        Invalid: ``validation_failed``.
    """
    try:
        return validate(document)
    except SpecError as error:
        found = [
            one.model_copy(update={"param": f"spec.{one.param}".rstrip(".")}) for one in details_of(error)
        ]
        raise Invalid(
            "validation_failed",
            f"The spec of the stages is not valid: {shorten(str(error), 1000)}.",
            param=found[0].param,
            params={"case": "stages", "error": error},
            errors=found,
            errors_omitted=error.more,
        ) from None


def _named(errors: Iterable[ProblemDetail], position: int) -> list[ProblemDetail]:
    """The errors of a stage, with the fields of the body of the request."""
    return [
        one.model_copy(
            update={"param": f"datasets.{position}" if one.param == "dataset" else f"spec.{one.param}"}
        )
        for one in errors
    ]


def _too_many(opening: JobSpec, count: int) -> list[ProblemDetail]:
    """Whether the last stage would have too many before it: those of the lineage, and those of the checkpoint that it starts from."""
    before = 0 if opening.continual is None else len(opening.continual.ancestors)
    if before + count - 1 <= MOST_STAGES:
        return []
    message = (
        f"a job has at most {MOST_STAGES} earlier stages, and {before} are before the first of these; name fewer datasets, or leave "
        "spec.start out"
    )
    return [
        ProblemDetail(
            param="datasets",
            code="too_many_stages",
            message=message,
            params={"case": "lineage", "most": MOST_STAGES, "before": before},
        )
    ]


def _unique(errors: Iterable[ProblemDetail]) -> list[ProblemDetail]:
    """One of those that several stages have in common."""
    return list({(one.param, one.code): one for one in errors}.values())
