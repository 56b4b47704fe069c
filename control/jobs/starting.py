"""The checkpoint that a spec starts from: looked up, locked, and compared with the spec."""

from dataclasses import dataclass, field

from control.checkpoints import repository as checkpoints
from control.checkpoints.models import Checkpoint
from control.db import ReadSession, WriteSession
from control.lifecycle import repository
from control.lifecycle.models import Job
from control.schemas import ProblemDetail
from core.spec.job import JobSpec
from core.spec.start_rules import misfits
from core.spec.stored import is_known


@dataclass(frozen=True)
class Start:
    """Result of looking up a spec's ``start``."""

    checkpoint: Checkpoint | None = None
    """None if the job starts from fresh weights, or if the checkpoint cannot be used."""
    errors: list[ProblemDetail] = field(default_factory=list)


def find_start(session: ReadSession, project_id: str, spec: JobSpec) -> Start:
    """The checkpoint that ``spec`` starts from, and every reason against starting from it.

    Where the session writes, the row of the job that wrote it is locked until the commit: retention and deletions take
    the same lock, so that no checkpoint is deleted between this check and the commit.
    """
    if spec.start is None:
        return Start()
    if spec.start.checkpoint is None:
        return _refused("start.checkpoint", "missing", "name the checkpoint to start from")
    checkpoint = checkpoints.of_project(session, project_id, spec.start.checkpoint)
    owner = None if checkpoint is None else _owner(session, project_id, checkpoint)
    if checkpoint is not None and session.writes:
        session.refresh(checkpoint)
    if checkpoint is None or owner is None or checkpoint.deleted_at is not None:
        return _refused(
            "start.checkpoint",
            "checkpoint_not_found",
            f"there is no checkpoint {spec.start.checkpoint} in this project; it may have been deleted, or dropped by its "
            "job's retention rule",
        )
    if not is_known(owner.spec):
        kind = owner.spec["task"]["kind"]
        message = (
            f"the checkpoint is of the task {kind}, which is not installed here; choose another checkpoint"
        )
        return _refused("start.checkpoint", "fixed_by_checkpoint", message)
    before = JobSpec.model_validate(owner.spec)
    found = misfits(spec, before, scope=spec.start.scope, step=checkpoint.step)
    errors = [ProblemDetail(param=one.param, code=one.code, message=one.message) for one in found]
    return Start(checkpoint, errors)


def _owner(session: ReadSession, project_id: str, checkpoint: Checkpoint) -> Job | None:
    if isinstance(session, WriteSession):
        return repository.lock_of_project(session, project_id, checkpoint.job_id)
    return repository.of_project(session, project_id, checkpoint.job_id)


def _refused(param: str, code: str, message: str) -> Start:
    return Start(errors=[ProblemDetail(param=param, code=code, message=message)])
