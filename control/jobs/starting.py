"""The checkpoint that a spec starts from: looked up, locked, and compared with the spec."""

from dataclasses import dataclass, field

from control.checkpoints import repository as checkpoints
from control.checkpoints.models import Checkpoint
from control.checkpoints.uploads import is_uploaded
from control.datasets import repository as datasets
from control.datasets.modalities import vocabulary_of
from control.db import ReadSession, WriteSession
from control.lifecycle import repository
from control.lifecycle.models import Job
from control.schemas import ProblemDetail
from core.spec.inheritance import completed as with_settings
from core.spec.job import JobSpec
from core.spec.problems import SpecError
from core.spec.start_completion import completed
from core.spec.start_rules import misfits
from core.spec.stored import is_known


@dataclass(frozen=True)
class Start:
    """Result of looking up a spec's ``start``."""

    spec: JobSpec
    """The spec, with what it left out and the checkpoint decides."""
    checkpoint: Checkpoint | None = None
    """None if the job starts from fresh weights, or if the checkpoint cannot be used."""
    errors: list[ProblemDetail] = field(default_factory=list)


def find_start(session: ReadSession, project_id: str, spec: JobSpec) -> Start:
    """The checkpoint that ``spec`` starts from, what it completes in the spec, and every reason against starting from it.

    Where the session writes, the row of the job that wrote it is locked until the commit: retention and deletions take
    the same lock, so that no checkpoint is deleted between this check and the commit.
    """
    if spec.start is None:
        return Start(spec)
    if spec.start.checkpoint is None:
        return _refused(
            spec, "start.checkpoint", "missing", "name the checkpoint to start from", case="checkpoint"
        )
    found = look_up(session, project_id, spec.start.checkpoint)
    if found is None:
        return _refused(
            spec,
            "start.checkpoint",
            "checkpoint_not_found",
            f"there is no checkpoint {spec.start.checkpoint} in this project; it may have been deleted, or dropped by its "
            "job's retention rule",
            case="start",
            checkpoint=spec.start.checkpoint,
        )
    checkpoint, owner = found
    if not is_known(owner.spec):
        kind = owner.spec["task"]["kind"]
        message = (
            f"the checkpoint is of the task {kind}, which is not installed here; choose another checkpoint"
        )
        return _refused(
            spec, "start.checkpoint", "fixed_by_checkpoint", message, case="not_installed", task=kind
        )
    return fitted(session, spec, JobSpec.model_validate(owner.spec), checkpoint)


def fitted(
    session: ReadSession, spec: JobSpec, before: JobSpec, checkpoint: Checkpoint | None = None
) -> Start:
    """What a checkpoint of a job completes in a spec, and every reason against starting from it.

    Args:
        before: The spec of the job that wrote it.
        checkpoint: None: it does not exist yet.
    """
    assert spec.start is not None
    scope, step = spec.start.scope, 0 if checkpoint is None else checkpoint.step
    try:
        size = uploaded_vocabulary(session, before)
        spec = with_settings(completed(spec, before, vocabulary_size=size), before)
    except SpecError as error:
        return Start(spec, checkpoint, of_completion(error, "fixed_by_checkpoint"))
    uploaded = checkpoint is not None and is_uploaded(checkpoint)
    unfit = misfits(spec, before, scope=scope, step=step, uploaded=uploaded)
    errors = [
        ProblemDetail(param=one.param, code=one.code, message=one.message, params=dict(one.params))
        for one in unfit
    ]
    return Start(spec, checkpoint, errors)


def look_up(session: ReadSession, project_id: str, checkpoint_id: str) -> tuple[Checkpoint, Job] | None:
    """A checkpoint of the project and the job that wrote it; None if there is none, or if it was deleted. Where the session
    writes, the row of the job is locked until the commit."""
    checkpoint = checkpoints.of_project(session, project_id, checkpoint_id)
    owner = None if checkpoint is None else _owner(session, project_id, checkpoint)
    if checkpoint is not None and session.writes:
        session.refresh(checkpoint)
    if checkpoint is None or owner is None or checkpoint.deleted_at is not None:
        return None
    return checkpoint, owner


def of_completion(error: SpecError, code: str) -> list[ProblemDetail]:
    """The problems of a spec after a checkpoint completed it."""
    return [
        ProblemDetail(
            param=p.param,
            code=code,
            message=p.message,
            params={
                "case": "completed",
                "problem": {"code": p.code, "message": p.message, "params": dict(p.params)},
            },
        )
        for p in error.problems
    ]


def uploaded_vocabulary(session: ReadSession, before: JobSpec) -> int | None:
    """Number of tokens of the tokenizer that was uploaded with the dataset of the checkpoint's job."""
    if before.data.tokenizer.kind != "uploaded" or before.dataset is None:
        return None
    return vocabulary_of(datasets.files(session, before.dataset))


def _owner(session: ReadSession, project_id: str, checkpoint: Checkpoint) -> Job | None:
    if isinstance(session, WriteSession):
        return repository.lock_of_project(session, project_id, checkpoint.job_id, purpose=None)
    return repository.of_project(session, project_id, checkpoint.job_id, purpose=None)


def _refused(spec: JobSpec, param: str, code: str, message: str, **params: object) -> Start:
    return Start(spec, errors=[ProblemDetail(param=param, code=code, message=message, params=params)])
