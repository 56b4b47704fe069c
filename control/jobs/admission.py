"""What a valid spec must also satisfy on this service: the dataset exists and is large enough, and the job fits the memory of a worker."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from control.checkpoints.models import Checkpoint
from control.datasets import repository as datasets
from control.datasets.modalities import MODALITIES, samples, vocabulary_of
from control.datasets.models import Dataset, DatasetFile
from control.db import ReadSession
from control.jobs import cadence, epochs
from control.jobs.ancestry import find_ancestors
from control.jobs.starting import Start, find_start, fitted
from control.jobs.sufficiency import class_count, label_warning, shortcoming
from control.jobs.teaching import find_teacher, lock_owners
from control.scheduling.waiting import gibibytes
from control.schemas import ProblemDetail
from control.settings import settings
from control.workers import repository as workers
from control.workers.fleet import fleet
from core.spec.estimate import Estimate, estimate
from core.spec.job import JobSpec

_SEEN_WITHIN = timedelta(days=1)
"""A worker last seen within this time may come back, so a job that fits its memory is not refused."""


@dataclass(frozen=True)
class Admission:
    """Result of `examine`."""

    spec: JobSpec
    """The spec, with what it left out and its start decides."""
    estimate: Estimate
    start: Checkpoint | None = None
    """The checkpoint that the job starts from."""
    teacher: Checkpoint | None = None
    """The checkpoint that the job distils."""
    errors: list[ProblemDetail] = field(default_factory=list)
    warnings: list[ProblemDetail] = field(default_factory=list)
    """Warnings about the present moment only: they are not kept with the job."""
    lasting: list[ProblemDetail] = field(default_factory=list)
    """Warnings that stay true; they are stored with the job."""


def examine(session: ReadSession, project_id: str, spec: JobSpec) -> Admission:
    """Every reason against running the job here. A session that writes locks the row of the dataset, and of the job
    whose checkpoint is started from, so that neither is deleted before the commit."""
    lock_owners(session, project_id, spec)
    return _examined(session, project_id, find_start(session, project_id, spec))


def examine_further(session: ReadSession, project_id: str, spec: JobSpec, before: JobSpec) -> Admission:
    """As `examine`, for a job that will start from a checkpoint which a job with the spec ``before`` has yet to write."""
    return _examined(session, project_id, fitted(session, spec, before))


def _examined(session: ReadSession, project_id: str, start: Start) -> Admission:
    ancestry = find_ancestors(session, project_id, start.spec, start.checkpoint)
    taught = find_teacher(session, project_id, ancestry.spec)
    spec = taught.spec
    dataset, problem = find_dataset(session, project_id, spec)
    files = (
        datasets.files(session, dataset.id, spec.data.files)
        if dataset is not None and problem is None
        else []
    )
    weight = estimate(
        spec,
        vocabulary_size=_uploaded_vocabulary(spec, files),
        classes=class_count(spec, files),
        teacher=taught.teacher,
    )
    result = Admission(
        spec,
        weight,
        start.checkpoint,
        taught.checkpoint,
        [*start.errors, *ancestry.errors, *taught.errors],
        lasting=taught.warnings,
    )
    if problem is not None:
        result.errors.append(problem)
    elif dataset is not None and (
        missing := _nothing_new(dataset, spec, files) or shortcoming(dataset.modality, spec, files)
    ):
        result.errors.append(missing)
    steps = epochs.steps_at_most(spec, files) if files or spec.training.epochs is None else None
    goes_on = start.checkpoint is not None and spec.start is not None and spec.start.scope == "all"
    from_step = start.checkpoint.step if goes_on and start.checkpoint is not None else None
    result.errors.extend(epochs.problems(spec, steps, checkpoint_step=from_step))
    if too_large := _too_large(session, spec, weight):
        result.errors.append(too_large)
    if not result.errors and (nobody := _no_worker(session, spec, weight)):
        result.warnings.append(nobody)
    if not result.errors:
        result.lasting.extend(ancestry.lasting)
        if rare := label_warning(spec, files):
            result.lasting.append(rare)
        chosen = settings()
        result.lasting.extend(
            cadence.warnings(
                spec,
                steps,
                checkpoint_seconds=chosen.checkpoint_seconds,
                point_seconds=chosen.point_seconds,
            )
        )
    return result


def find_dataset(
    session: ReadSession, project_id: str, spec: JobSpec
) -> tuple[Dataset | None, ProblemDetail | None]:
    """The dataset that a spec names, and why its task cannot read it, if it cannot. Its row is held where the session writes."""
    if spec.dataset is None:
        return None, ProblemDetail(
            param="dataset",
            code="missing",
            message="name the dataset to learn from",
            params={"case": "dataset"},
        )
    dataset = datasets.of_id(session, project_id, spec.dataset, lock="share" if session.writes else None)
    if dataset is None:
        return None, ProblemDetail(
            param="dataset",
            code="dataset_not_found",
            message=f"there is no dataset {spec.dataset}",
            params={"case": "spec", "dataset": spec.dataset},
        )
    if dataset.state != "ready":
        return dataset, ProblemDetail(
            param="dataset",
            code="dataset_not_ready",
            message=f"{dataset.id} still takes files; complete it first (POST /v1/datasets/{dataset.id}/complete)",
            params={"dataset": dataset.id},
        )
    if dataset.modality != spec.task.modality:
        return dataset, ProblemDetail(
            param="dataset",
            code="modality_mismatch",
            message=(
                f"{spec.task.kind} learns from {MODALITIES[spec.task.modality].noun}, and {dataset.id} holds "
                f"{MODALITIES[dataset.modality].noun}: choose another dataset or another task"
            ),
            params={
                "task": spec.task.kind,
                "task_modality": spec.task.modality,
                "dataset": dataset.id,
                "modality": dataset.modality,
            },
        )
    if spec.data.files == "new" and dataset.parent_id is None:
        return dataset, ProblemDetail(
            param="data.files",
            code="not_a_version",
            message=(
                f"{dataset.id} is no version of another dataset, so none of its files are new; leave it out, or add the new "
                f"files as a version (POST /v1/datasets/{dataset.id}/versions)"
            ),
            params={"dataset": dataset.id},
        )
    return dataset, None


def _nothing_new(dataset: Dataset, spec: JobSpec, files: Sequence[DatasetFile]) -> ProblemDetail | None:
    if spec.data.files == "all" or any(samples(file.report) for file in files):
        return None
    return ProblemDetail(
        param="data.files",
        code="nothing_new",
        message=(
            f"the files that {dataset.id} added to its parent hold no {MODALITIES[dataset.modality].noun} of their own, as labels or "
            "transcripts for the parent's; set it to all"
        ),
        params={"dataset": dataset.id, "modality": dataset.modality},
    )


def _uploaded_vocabulary(spec: JobSpec, files: Sequence[DatasetFile]) -> int | None:
    if spec.data.tokenizer.kind != "uploaded":
        return None
    return vocabulary_of(files)


def _too_large(session: ReadSession, spec: JobSpec, weight: Estimate) -> ProblemDetail | None:
    device = None if spec.resources.device == "auto" else spec.resources.device
    largest = workers.largest_memory(session, device, _SEEN_WITHIN)
    if largest is None or weight.memory_bytes <= largest:
        return None
    by_batch = weight.activation_bytes > weight.weights_bytes
    what = "a smaller batch_size or more accumulation_steps" if by_batch else "a smaller model"
    param = "training.batch_size" if by_batch else "model"
    return ProblemDetail(
        param=param,
        code="spec_exceeds_memory",
        message=(
            f"training takes about {gibibytes(weight.memory_bytes)} of memory and the largest worker has "
            f"{gibibytes(largest)}: choose {what}"
        ),
        params={"case": param, "needed_bytes": weight.memory_bytes, "largest_bytes": largest},
    )


def _no_worker(session: ReadSession, spec: JobSpec, weight: Estimate) -> ProblemDetail | None:
    if fleet(session).able(spec.resources.device, weight.memory_bytes):
        return None
    return ProblemDetail(
        param="resources.device",
        code="no_worker_online",
        message="no worker that could run this is online now; the job would wait for one",
        params={"case": "warning"},
    )
