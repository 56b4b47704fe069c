"""The checkpoint that a job distils: looked up, locked, and compared with the spec."""

from dataclasses import dataclass, field

from control.checkpoints import repository as checkpoints
from control.checkpoints.models import Checkpoint
from control.db import ReadSession, WriteSession
from control.jobs.starting import look_up, of_completion, uploaded_vocabulary
from control.lifecycle import repository
from control.schemas import ProblemDetail
from core.spec.distillation_rules import completed, larger, misfits
from core.spec.job import JobSpec
from core.spec.problems import SpecError
from core.spec.stored import is_known

_PARAM = "distillation.teacher"


@dataclass(frozen=True)
class Teaching:
    """Result of looking up the teacher of a spec's ``distillation``."""

    spec: JobSpec
    """The spec, with what it left out and the teacher decides."""
    checkpoint: Checkpoint | None = None
    """None if the job has no teacher, or if it cannot be used."""
    teacher: JobSpec | None = None
    """The spec that the teacher was trained with."""
    errors: list[ProblemDetail] = field(default_factory=list)
    warnings: list[ProblemDetail] = field(default_factory=list)


def lock_owners(session: ReadSession, project_id: str, spec: JobSpec) -> None:
    """Lock the jobs of the start and of the teacher in the order of their ids, where a session writes: two submissions that
    name the same two checkpoints the other way round would otherwise wait for each other."""
    named = [
        section.checkpoint if section is spec.start else section.teacher  # type: ignore[union-attr]
        for section in (spec.start, spec.distillation)
        if section is not None
    ]
    if not isinstance(session, WriteSession) or len(named) < 2:
        return
    found = [checkpoints.of_project(session, project_id, one) for one in named if one is not None]
    for job_id in sorted({one.job_id for one in found if one is not None}):
        repository.lock_of_project(session, project_id, job_id, purpose=None)


def find_teacher(session: ReadSession, project_id: str, spec: JobSpec) -> Teaching:
    """The checkpoint that ``spec`` learns from, what it completes in the spec, and every reason against learning from it.

    Where the session writes, the row of the job that wrote it is locked until the commit, so that the checkpoint is not deleted
    between this check and the commit.
    """
    wanted = spec.distillation
    if wanted is None:
        return Teaching(spec)
    if wanted.teacher is None:
        return _refused(spec, "missing", "name the checkpoint to learn from", case="teacher")
    found = look_up(session, project_id, wanted.teacher)
    if found is None:
        return _refused(
            spec,
            "checkpoint_not_found",
            f"there is no checkpoint {wanted.teacher} in this project; it may have been deleted, or dropped by its job's retention "
            "rule",
            case="teacher",
            checkpoint=wanted.teacher,
        )
    checkpoint, owner = found
    if not is_known(owner.spec):
        kind = owner.spec["task"]["kind"]
        return _refused(
            spec,
            "teacher_unfit",
            f"it is of the task {kind}, which is not installed here; choose another checkpoint",
            case="not_installed",
            task=kind,
        )
    teacher = JobSpec.model_validate(owner.spec)
    try:
        spec = completed(spec, teacher, vocabulary_size=uploaded_vocabulary(session, teacher))
    except SpecError as error:
        return Teaching(spec, checkpoint, teacher, of_completion(error, "teacher_unfit"))
    errors = [
        ProblemDetail(param=one.param, code=one.code, message=one.message, params=dict(one.params))
        for one in misfits(spec, teacher)
    ]
    return Teaching(spec, checkpoint, teacher, errors, [] if errors else _warnings(spec, teacher))


def _warnings(spec: JobSpec, teacher: JobSpec) -> list[ProblemDetail]:
    sizes = larger(spec, teacher)
    if sizes is None:
        return []
    return [
        ProblemDetail(
            param="model",
            code="student_larger",
            message=(
                f"the student has {sizes[0]:,} parameters and its teacher {sizes[1]:,}: distillation is to make a network smaller"
            ),
            params={"parameters": sizes[0], "teacher_parameters": sizes[1]},
        )
    ]


def _refused(spec: JobSpec, code: str, message: str, **params: object) -> Teaching:
    return Teaching(spec, errors=[ProblemDetail(param=_PARAM, code=code, message=message, params=params)])
