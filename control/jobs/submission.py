"""Creation of jobs: from a spec, or from a checkpoint of another job."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from control.checkpoints import repository as checkpoints
from control.checkpoints.models import Checkpoint
from control.checkpoints.uploads import is_uploaded
from control.datasets.selection import which_of
from control.db import ReadSession, WriteSession
from control.errors import Conflict, Invalid, NotFound, SeedbedError
from control.ids import new_id
from control.jobs.admission import examine
from control.jobs.merge_patch import merge_patch
from control.jobs.schemas import ForkIn, ValidationOut
from control.lifecycle import repository
from control.lifecycle.event_codes import nested
from control.lifecycle.events import record
from control.lifecycle.models import Job
from control.schemas import ProblemDetail
from control.workers.wakeups import wake_for
from core.spec.job import JobSpec
from core.spec.problems import SpecError, shorten, validate
from core.spec.start import Scope
from core.spec.stored import is_known, why_missing

_STATUS = {
    "checkpoint_not_found": HTTPStatus.NOT_FOUND,
    "dataset_not_found": HTTPStatus.NOT_FOUND,
    "dataset_not_ready": HTTPStatus.CONFLICT,
    "priority_needs_admin": HTTPStatus.FORBIDDEN,
}
_ACCEPTED_WITH: Mapping[Scope, str] = {
    "all": "accepted_from_checkpoint",
    "weights": "accepted_with_weights",
    "encoder": "accepted_from_encoder",
    "tokenizer": "accepted_with_tokenizer",
}
"""The event of a job that starts from a checkpoint, by what it takes from it."""
_OF_A_FIELD = frozenset(
    {
        "missing",
        "not_a_version",
        "nothing_new",
        "steps_done",
        "more_than_steps",
        "too_many_steps",
        "stage_unfit",
        "fixed_by_checkpoint",
        "no_encoder",
        "has_adapters",
        "same_checkpoint",
        "teacher_unfit",
        "ancestors_differ",
        "earlier_data_gone",
        "too_many_stages",
    }
)
"""Codes of errors in one field; the code of the whole problem is ``validation_failed``."""


WRITERS_PRIORITY = 10
"""The highest priority that needs no admin key. Jobs of higher priority run before the jobs of all projects."""


def submit(
    session: WriteSession,
    project_id: str,
    spec: JobSpec,
    *,
    by_admin: bool = True,
) -> Job:
    """Accept a job: from the commit on it is never lost.

    Args:
        by_admin: Whether the caller may submit a job that runs before the jobs of all projects.

    Raises:
        SeedbedError: ``dataset_not_found``, ``dataset_not_ready``, ``dataset_too_small``, ``spec_exceeds_memory``,
            ``priority_needs_admin``, ``checkpoint_not_found``; ``validation_failed`` where what it starts from does not fit.
    """
    refuse(priority_problems(spec, by_admin=by_admin))
    admission = examine(session, project_id, spec)
    refuse(admission.errors)
    spec, start = admission.spec, admission.start
    job = Job(
        id=new_id("job"),
        project_id=project_id,
        dataset_id=spec.dataset,
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        parent_job_id=start.job_id if start and not is_uploaded(start) else None,
        parent_checkpoint_id=start.id if start else None,
        teacher_checkpoint_id=admission.teacher.id if admission.teacher else None,
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
    if spec.start is None or start is None:
        record(session, job, "accepted")
    else:
        origin = {"step": start.step, "job": start.id if is_uploaded(start) else start.job_id}
        record(session, job, _ACCEPTED_WITH[spec.start.scope], origin)
    for warning in admission.lasting:
        record(
            session,
            job,
            "spec_warning",
            {"param": warning.param, "warning": nested(warning.code, warning.message, warning.params)},
            data={"code": warning.code, "param": warning.param},
        )
    return job


def refuse(errors: Sequence[ProblemDetail]) -> None:
    """Raise the first problem of a spec, with the whole list in its details.

    Raises:
        SeedbedError: there is a problem.
    """
    if not errors:
        return
    first = errors[0]
    said = f"{first.message[:1].upper()}{first.message[1:]}."
    if first.code in _OF_A_FIELD:
        params = {"case": "spec", "problem": first.code, **first.params}
        raise Invalid("validation_failed", said, param=first.param, params=params, errors=errors)
    raise SeedbedError(
        first.code,
        said,
        status=_STATUS.get(first.code, HTTPStatus(422)),
        param=first.param,
        params=first.params,
        errors=errors,
    )


def priority_problems(spec: JobSpec, *, by_admin: bool) -> list[ProblemDetail]:
    """Whether the spec asks for a priority that needs an admin key."""
    if by_admin or spec.priority <= WRITERS_PRIORITY:
        return []
    message = f"a priority above {WRITERS_PRIORITY} needs a key with the scope 'admin'; ask for {WRITERS_PRIORITY} or less"
    return [
        ProblemDetail(
            param="priority", code="priority_needs_admin", message=message, params={"most": WRITERS_PRIORITY}
        )
    ]


def validate_document(
    session: ReadSession, project_id: str, document: Any, *, by_admin: bool = True
) -> ValidationOut:
    """Every error in a decoded document as the spec of a job of the project; stores nothing and raises nothing."""
    try:
        spec = validate(document)
    except SpecError as error:
        return ValidationOut(
            valid=False,
            errors=details_of(error),
            errors_omitted=error.more,
            warnings=[],
            spec=None,
            parameters=None,
            memory_bytes=None,
        )
    admission = examine(session, project_id, spec)
    errors = [*priority_problems(spec, by_admin=by_admin), *admission.errors]
    return ValidationOut(
        valid=not errors,
        errors=errors,
        warnings=[*admission.warnings, *admission.lasting],
        spec=admission.spec,
        parameters=admission.estimate.parameters,
        trainable_parameters=admission.estimate.trainable_parameters,
        memory_bytes=admission.estimate.memory_bytes,
    )


def details_of(error: SpecError) -> list[ProblemDetail]:
    """The problems of an invalid spec, for an answer."""
    return [
        ProblemDetail(
            param=p.param, code=p.code, message=p.message, params=dict(p.params), suggestion=p.suggestion
        )
        for p in error.problems
    ]


def fork(session: WriteSession, project_id: str, job_id: str, body: ForkIn, *, by_admin: bool = True) -> Job:
    """A new job that goes on from a checkpoint of this one, with parts of its spec changed: `submit` of the parent's spec with
    that checkpoint as its start.

    Raises:
        NotFound: ``job_not_found``, ``checkpoint_not_found``.
        Conflict: ``no_checkpoint``: the job has not written one yet.
        Invalid: ``validation_failed``: the changed spec is not valid, or does not fit the checkpoint's weights.
        SeedbedError: whatever `submit` refuses.
    """
    # Locked, so that retention does not drop the newest checkpoint before the fork is committed.
    parent = repository.lock(session, project_id, job_id)
    checkpoint = _choose(session, parent, body.checkpoint)
    if not is_known(parent.spec):
        kind = parent.spec["task"]["kind"]
        raise Invalid(
            "validation_failed",
            f"{why_missing(kind)} Install the package again where the API runs, then fork the job.",
            param="task.kind",
            params={"case": "not_installed", "task": kind},
        )
    try:
        start = {"checkpoint": checkpoint.id, "scope": "all"}
        spec = validate(merge_patch(goes_on(parent, body.changes) | {"start": start}, body.changes))
    except SpecError as error:
        details = details_of(error)
        raise Invalid(
            "validation_failed",
            f"The changed spec is not valid: {shorten(str(error), 1000)}.",
            param=details[0].param,
            params={"case": "changes", "error": error},
            errors=details,
            errors_omitted=error.more,
        ) from None
    if spec.start is None or spec.start.checkpoint != checkpoint.id:
        raise Invalid(
            "validation_failed",
            "A fork starts from a checkpoint of its parent, which `checkpoint` names. Leave start out of the changes, or "
            "change its scope alone; to start from another job's checkpoint, submit a job.",
            param="start.checkpoint",
            params={"case": "other_start"},
        )
    return submit(session, project_id, spec, by_admin=by_admin)


def goes_on(parent: Job, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The parent's spec; without its tokenizer where the fork is on other data, so that it takes the checkpoint's, and without
    its steps where the changes give epochs, or the other way round."""
    spec = parent.spec
    changed = changes.get("training")
    if isinstance(changed, Mapping) and ("steps" in changed) != ("epochs" in changed):
        # One replaces the other: a spec gives either.
        replaced = "epochs" if "steps" in changed else "steps"
        training = {name: value for name, value in spec["training"].items() if name != replaced}
        spec = spec | {"training": training}
    if spec.get("continual") is not None:
        # Those of the fork are found anew: the parent is one of them.
        spec = spec | {"continual": {**spec["continual"], "ancestors": []}}
    changed_data = changes.get("data")
    now = changed_data.get("files", which_of(spec)) if isinstance(changed_data, Mapping) else which_of(spec)
    same_dataset = changes.get("dataset", parent.dataset_id) == parent.dataset_id
    if same_dataset and now == which_of(spec):
        return spec
    # Which files are new is another question for another dataset, so it is not taken over.
    own = {"tokenizer"} if same_dataset else {"tokenizer", "files"}
    data = {name: value for name, value in spec["data"].items() if name not in own}
    return spec | {"data": data}


def _choose(session: ReadSession, parent: Job, wanted: str | None) -> Checkpoint:
    present = checkpoints.present(session, parent.id)
    if wanted is None:
        if not present:
            raise Conflict(
                "no_checkpoint",
                f"{parent.id} has no checkpoint yet; fork it once it has written one.",
                params={"case": "none_yet", "job": parent.id},
            )
        return present[0]
    for checkpoint in present:
        if checkpoint.id == wanted:
            return checkpoint
    raise NotFound(
        "checkpoint_not_found",
        f"{parent.id} has no checkpoint {wanted}; it may have been dropped by the job's retention rule.",
        param="checkpoint",
        params={"case": "not_of_job", "job": parent.id, "checkpoint": wanted},
    )
