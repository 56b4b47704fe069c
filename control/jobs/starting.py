"""The checkpoint that a spec starts from: looked up, locked, and compared with the spec."""

from dataclasses import dataclass, field

from control.checkpoints import repository as checkpoints
from control.checkpoints.models import Checkpoint
from control.datasets import repository as datasets
from control.datasets.modalities import vocabulary_of
from control.db import ReadSession, WriteSession
from control.lifecycle import repository
from control.lifecycle.models import Job
from control.schemas import ProblemDetail
from core.spec.data import LEAST_VOCABULARY, TokenizerSpec
from core.spec.inheritance import completed
from core.spec.job import JobSpec
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
    checkpoint = checkpoints.of_project(session, project_id, spec.start.checkpoint)
    owner = None if checkpoint is None else _owner(session, project_id, checkpoint)
    if checkpoint is not None and session.writes:
        session.refresh(checkpoint)
    if checkpoint is None or owner is None or checkpoint.deleted_at is not None:
        return _refused(
            spec,
            "start.checkpoint",
            "checkpoint_not_found",
            f"there is no checkpoint {spec.start.checkpoint} in this project; it may have been deleted, or dropped by its "
            "job's retention rule",
            case="start",
            checkpoint=spec.start.checkpoint,
        )
    if not is_known(owner.spec):
        kind = owner.spec["task"]["kind"]
        message = (
            f"the checkpoint is of the task {kind}, which is not installed here; choose another checkpoint"
        )
        return _refused(
            spec, "start.checkpoint", "fixed_by_checkpoint", message, case="not_installed", task=kind
        )
    before = JobSpec.model_validate(owner.spec)
    scope = spec.start.scope
    spec = completed(_with_its_tokenizer(session, spec, before, owner), before)
    found = misfits(spec, before, scope=scope, step=checkpoint.step)
    errors = [
        ProblemDetail(param=one.param, code=one.code, message=one.message, params=dict(one.params))
        for one in found
    ]
    return Start(spec, checkpoint, errors)


def _with_its_tokenizer(session: ReadSession, spec: JobSpec, before: JobSpec, owner: Job) -> JobSpec:
    """The spec with the checkpoint's tokenizer where it names no other, and the size of its vocabulary."""
    data = spec.data
    left_out = "tokenizer" not in data.model_fields_set
    if {spec.task.modality, before.task.modality} != {"text"}:
        return spec
    if not left_out and data.tokenizer.kind != "checkpoint":
        return spec
    size = before.data.tokenizer.largest_vocabulary
    if before.data.tokenizer.kind == "uploaded":
        size = vocabulary_of(datasets.files(session, owner.dataset_id)) or size
    tokenizer = TokenizerSpec(kind="checkpoint", vocabulary_size=max(size, LEAST_VOCABULARY))
    return spec.model_copy(update={"data": data.model_copy(update={"tokenizer": tokenizer})})


def _owner(session: ReadSession, project_id: str, checkpoint: Checkpoint) -> Job | None:
    if isinstance(session, WriteSession):
        return repository.lock_of_project(session, project_id, checkpoint.job_id)
    return repository.of_project(session, project_id, checkpoint.job_id)


def _refused(spec: JobSpec, param: str, code: str, message: str, **params: object) -> Start:
    return Start(spec, errors=[ProblemDetail(param=param, code=code, message=message, params=params)])
