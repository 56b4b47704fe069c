"""What a job that distils is compared with: its teacher, and the same student without a teacher where one was trained."""

from typing import Any

from control.checkpoints.models import Checkpoint
from control.datasets import repository as datasets
from control.db import ReadSession
from control.jobs import repository
from control.jobs.schemas import ComparedJob, DistillationFacts
from control.jobs.starting import uploaded_vocabulary
from control.jobs.sufficiency import class_count
from control.lifecycle.models import Job
from core.spec.estimate import estimate
from core.spec.job import JobSpec
from core.spec.stored import is_known

_SAME = ("task", "model", "training", "adaptation")
"""Sections that are equal in the same job without a teacher."""
_RATE = "train/samples_per_s"


def distillation_facts(session: ReadSession, job: Job) -> DistillationFacts | None:
    """The comparison of a job; None if it has no teacher."""
    if job.purpose != "train" or job.spec.get("distillation") is None or not is_known(job.spec):
        return None
    checkpoint, teacher = repository.teacher(session, job)
    alone = _alone(session, job)
    student, whole = _parameters(session, job, teacher)
    return DistillationFacts(
        checkpoint=None if checkpoint is None else checkpoint.id,
        step=None if checkpoint is None else checkpoint.step,
        teacher=None if teacher is None else _compared(job, teacher, checkpoint),
        alone=None if alone is None else _compared(job, alone),
        parameters=student,
        teacher_parameters=whole,
        size_ratio=None if whole is None else student / whole,
        speed_ratio=_speed(alone, teacher),
    )


def _alone(session: ReadSession, job: Job) -> Job | None:
    """The newest job that succeeded with the same student on the same data and had no teacher, nor weights of a checkpoint."""
    found = repository.alike(session, job, _SAME)
    return next((one for one in found if _is_plain(one.spec)), None)


def _is_plain(spec: dict[str, Any]) -> bool:
    start = spec.get("start")
    return spec.get("distillation") is None and (start is None or start["scope"] == "tokenizer")


def _compared(student: Job, job: Job, checkpoint: Checkpoint | None = None) -> ComparedJob:
    """A job beside its student. The measures of another task are left out: its loss has the same name and is another one."""
    measures = (job.latest or {}) if checkpoint is None else checkpoint.metrics or job.latest or {}
    same = job.spec["task"]["kind"] == student.spec["task"]["kind"]
    return ComparedJob(
        id=job.id if job.purpose == "train" else None,
        name=job.name,
        same_data=job.dataset_id == student.dataset_id,
        values={name: value for name, value in measures.items() if same and name.startswith("eval/")},
    )


def _parameters(session: ReadSession, job: Job, teacher: Job | None) -> tuple[int, int | None]:
    """Number of parameters of student and teacher. Both have the job's vocabulary and the classes of its data, where these are known."""
    spec = JobSpec.model_validate(job.spec)
    files = datasets.files(session, job.dataset_id, spec.data.files) if spec.task.needs_labels else ()
    # The files of a deleted dataset are not known any more.
    classes = class_count(spec, files) or None
    vocabulary = uploaded_vocabulary(session, spec) or spec.data.tokenizer.largest_vocabulary

    def count(one: JobSpec) -> int:
        return estimate(one, vocabulary_size=vocabulary, classes=classes).parameters

    if teacher is None or not is_known(teacher.spec):
        return count(spec), None
    return count(spec), count(JobSpec.model_validate(teacher.spec))


def _speed(alone: Job | None, teacher: Job | None) -> float | None:
    """Samples a second of the student alone over the teacher's, each in its own training on a device of one kind."""
    if (
        alone is None
        or teacher is None
        or alone.spec["resources"]["device"] != teacher.spec["resources"]["device"]
    ):
        return None
    mine, theirs = ((one.latest or {}).get(_RATE) for one in (alone, teacher))
    return mine / theirs if mine and theirs else None
