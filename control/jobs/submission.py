"""How a job comes into being: from a spec, or from a checkpoint of another job."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from control.checkpoints import repository as checkpoints
from control.checkpoints.models import Checkpoint
from control.db import ReadSession, WriteSession
from control.errors import Conflict, Invalid, NotFound, SeedbedError
from control.ids import new_id
from control.jobs.admission import examine
from control.jobs.merge_patch import merge_patch
from control.jobs.schemas import ForkIn, ValidationOut
from control.lifecycle import repository
from control.lifecycle.event_codes import told
from control.lifecycle.events import record
from control.lifecycle.models import Job
from control.schemas import ProblemDetail
from control.workers.wakeups import wake_for
from core.spec.job import JobSpec
from core.spec.problems import SpecError, shorten, validate
from core.spec.stored import is_known, why_missing

_STATUS = {
    "dataset_not_found": HTTPStatus.NOT_FOUND,
    "dataset_not_ready": HTTPStatus.CONFLICT,
    "missing": HTTPStatus(422),
    "priority_needs_admin": HTTPStatus.FORBIDDEN,
}


WRITERS_PRIORITY = 10
"""The highest priority that needs no admin key: a higher one takes the places of all projects first."""


def submit(
    session: WriteSession,
    project_id: str,
    spec: JobSpec,
    *,
    parent_checkpoint: Checkpoint | None = None,
    by_admin: bool = True,
) -> Job:
    """Accept a job: from the commit on it is never lost.

    Args:
        parent_checkpoint: Where its first attempt starts from.
        by_admin: Whether who submits it may have it run before everybody else's.

    Raises:
        SeedbedError: ``dataset_not_found``, ``dataset_not_ready``, ``dataset_too_small``, ``spec_exceeds_memory``,
            ``priority_needs_admin``.
    """
    refuse(_priority_problems(spec, by_admin=by_admin))
    admission = examine(session, project_id, spec)
    refuse(admission.errors)
    job = Job(
        id=new_id("job"),
        project_id=project_id,
        dataset_id=spec.dataset,
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        parent_job_id=parent_checkpoint.job_id if parent_checkpoint else None,
        parent_checkpoint_id=parent_checkpoint.id if parent_checkpoint else None,
        priority=spec.priority,
        device=spec.resources.device,
        memory_bytes=admission.estimate.memory_bytes,
        preemptible=spec.resources.preemptible,
        max_retries=spec.resources.max_retries,
        steps=spec.training.steps,
    )
    session.add(job)
    session.flush()
    session.refresh(job)
    wake_for(session, job.id, device=job.device, memory_bytes=job.memory_bytes)
    if parent_checkpoint is None:
        record(session, job, "accepted")
    else:
        origin = {"step": parent_checkpoint.step, "job": parent_checkpoint.job_id}
        record(session, job, "accepted_from_checkpoint", origin)
    for warning in admission.lasting:
        record(
            session,
            job,
            "spec_warning",
            {"param": warning.param, "warning": told(warning.code, warning.message, warning.params)},
            data={"code": warning.code, "param": warning.param},
        )
    return job


def refuse(errors: Sequence[ProblemDetail]) -> None:
    """Raise the first thing that speaks against a spec, with all of them.

    Raises:
        SeedbedError: there is one.
    """
    if not errors:
        return
    first = errors[0]
    raise SeedbedError(
        first.code if first.code != "missing" else "validation_failed",
        f"{first.message[:1].upper()}{first.message[1:]}.",
        status=_STATUS.get(first.code, HTTPStatus(422)),
        param=first.param,
        errors=errors,
    )


def _priority_problems(spec: JobSpec, *, by_admin: bool) -> list[ProblemDetail]:
    if by_admin or spec.priority <= WRITERS_PRIORITY:
        return []
    message = f"a priority above {WRITERS_PRIORITY} needs a key with the scope 'admin'; ask for {WRITERS_PRIORITY} or less"
    return [ProblemDetail(param="priority", code="priority_needs_admin", message=message)]


def validate_document(
    session: ReadSession, project_id: str, document: Any, *, by_admin: bool = True
) -> ValidationOut:
    """Everything wrong with a decoded document as a job of the project; nothing is stored and nothing raised."""
    try:
        spec = validate(document)
    except SpecError as error:
        return ValidationOut(
            valid=False,
            errors=_details(error),
            errors_omitted=error.more,
            warnings=[],
            spec=None,
            parameters=None,
            memory_bytes=None,
        )
    admission = examine(session, project_id, spec)
    errors = [*_priority_problems(spec, by_admin=by_admin), *admission.errors]
    return ValidationOut(
        valid=not errors,
        errors=errors,
        warnings=[*admission.warnings, *admission.lasting],
        spec=spec,
        parameters=admission.estimate.parameters,
        memory_bytes=admission.estimate.memory_bytes,
    )


def _details(error: SpecError) -> list[ProblemDetail]:
    return [
        ProblemDetail(param=p.param, code=p.code, message=p.message, suggestion=p.suggestion)
        for p in error.problems
    ]


def fork(session: WriteSession, project_id: str, job_id: str, body: ForkIn, *, by_admin: bool = True) -> Job:
    """A new job that goes on from a checkpoint of this one, with parts of its spec changed.

    Raises:
        NotFound: ``job_not_found``, ``checkpoint_not_found``.
        Conflict: ``no_checkpoint``: it has not written one yet.
        Invalid: ``validation_failed``: the changed spec is not valid, or does not fit the checkpoint's weights.
        SeedbedError: whatever `submit` refuses.
    """
    # Locked, so that retention does not drop the checkpoint before the fork is known to need it.
    parent = repository.lock(session, project_id, job_id)
    checkpoint = _choose(session, parent, body.checkpoint)
    if not is_known(parent.spec):
        raise Invalid("validation_failed", _not_installed(parent.spec["task"]["kind"]), param="task.kind")
    try:
        spec = validate(merge_patch(parent.spec, body.changes))
    except SpecError as error:
        details = _details(error)
        raise Invalid(
            "validation_failed",
            f"The changed spec is not valid: {shorten(str(error), 1000)}.",
            param=details[0].param,
            errors=details,
            errors_omitted=error.more,
        ) from None
    _fit(spec, JobSpec.model_validate(parent.spec), checkpoint)
    return submit(session, project_id, spec, parent_checkpoint=checkpoint, by_admin=by_admin)


def _not_installed(kind: str) -> str:
    return f"{why_missing(kind)} Install the package again where the API runs, then fork the job."


def _choose(session: ReadSession, parent: Job, wanted: str | None) -> Checkpoint:
    present = checkpoints.present(session, parent.id)
    if wanted is None:
        if not present:
            raise Conflict(
                "no_checkpoint", f"{parent.id} has no checkpoint yet; fork it once it has written one."
            )
        return present[0]
    for checkpoint in present:
        if checkpoint.id == wanted:
            return checkpoint
    raise NotFound(
        "checkpoint_not_found",
        f"{parent.id} has no checkpoint {wanted}; it may have been dropped by the job's retention rule.",
        param="checkpoint",
    )


def _shape(spec: JobSpec) -> tuple[object, ...]:
    """What a network's weights are made for."""
    return spec.architecture, spec.network_size, spec.model.patch_size


def _task_shape(spec: JobSpec) -> tuple[object, ...]:
    """What the task's own weights are made for."""
    return spec.task.fixed_by_weights(spec.training.sequence_length)


def _fit(spec: JobSpec, before: JobSpec, checkpoint: Checkpoint) -> None:
    """Refuse what the checkpoint's weights cannot become."""
    problems = []
    if spec.training.steps <= checkpoint.step:
        problems.append(
            ProblemDetail(
                param="training.steps",
                code="greater_than",
                message=f"the checkpoint is at step {checkpoint.step} already; ask for more steps",
            )
        )
    fixed: dict[str, tuple[object, object]] = {
        "task.kind": (spec.task.kind, before.task.kind),
        "model": (_shape(spec), _shape(before)),
        "data.tokenizer": (spec.data.tokenizer, before.data.tokenizer),
        "training.sequence_length": (spec.learned_positions, before.learned_positions),
    }
    if spec.task.kind == before.task.kind:
        fixed["task"] = (_task_shape(spec), _task_shape(before))
    problems += [
        ProblemDetail(
            param=param,
            code="fixed_by_checkpoint",
            message="the checkpoint's weights are made for the parent's; start a new job instead",
        )
        for param, (now, then) in fixed.items()
        if now != then
    ]
    if problems:
        first = problems[0]
        raise Invalid(
            "validation_failed", f"{first.param}: {first.message}.", param=first.param, errors=problems
        )
