"""What a valid spec must also satisfy here: its dataset is there and large enough, and some worker could hold it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import func, select

from control.datasets.modalities import MODALITIES, samples
from control.datasets.models import Dataset, DatasetFile
from control.db import ReadSession
from control.jobs import cadence
from control.jobs.waiting import gibibytes
from control.schemas import ProblemDetail
from control.settings import settings
from control.workers.fleet import fleet
from control.workers.models import Worker
from core.spec import JobSpec
from core.spec.estimate import Estimate, estimate

_SEEN_WITHIN = timedelta(days=1)
"""Workers that were here so long ago may come again, so what they could hold is not refused."""


@dataclass(frozen=True)
class Admission:
    """What was found."""

    estimate: Estimate
    errors: list[ProblemDetail] = field(default_factory=list)
    warnings: list[ProblemDetail] = field(default_factory=list)
    """True of this moment."""
    lasting: list[ProblemDetail] = field(default_factory=list)
    """Warnings that stay true: they are kept with the job."""


def examine(session: ReadSession, project_id: str, spec: JobSpec) -> Admission:
    """Everything that speaks against running the job here. Holds the dataset's row, so that it stays until the commit
    where the session writes."""
    dataset, problem = _dataset(session, project_id, spec)
    files = _files(session, dataset) if dataset is not None and problem is None else []
    weight = estimate(spec, vocabulary_size=_uploaded_vocabulary(spec, files))
    result = Admission(weight)
    if problem is not None:
        result.errors.append(problem)
    elif dataset is not None and (too_small := _too_small(dataset, spec, files)):
        result.errors.append(too_small)
    if too_large := _too_large(session, spec, weight):
        result.errors.append(too_large)
    if not result.errors and (nobody := _nobody(session, spec, weight)):
        result.warnings.append(nobody)
    if not result.errors:
        chosen = settings()
        result.lasting.extend(
            cadence.warnings(
                spec, checkpoint_seconds=chosen.checkpoint_seconds, point_seconds=chosen.point_seconds
            )
        )
    return result


def _dataset(
    session: ReadSession, project_id: str, spec: JobSpec
) -> tuple[Dataset | None, ProblemDetail | None]:
    if spec.dataset is None:
        return None, ProblemDetail(param="dataset", code="missing", message="name the dataset to learn from")
    query = select(Dataset).where(
        Dataset.id == spec.dataset, Dataset.project_id == project_id, Dataset.state != "deleted"
    )
    if session.writes:
        query = query.with_for_update(read=True)
    dataset = session.scalars(query).one_or_none()
    if dataset is None:
        return None, ProblemDetail(
            param="dataset", code="dataset_not_found", message=f"there is no dataset {spec.dataset}"
        )
    if dataset.state != "ready":
        return dataset, ProblemDetail(
            param="dataset",
            code="dataset_not_ready",
            message=f"{dataset.id} still takes files; complete it first (POST /v1/datasets/{dataset.id}/complete)",
        )
    if dataset.modality != spec.task.modality:
        return dataset, ProblemDetail(
            param="dataset",
            code="modality_mismatch",
            message=(
                f"{spec.task.kind} learns from {MODALITIES[spec.task.modality].noun}, and {dataset.id} holds "
                f"{MODALITIES[dataset.modality].noun}: choose another dataset or another task"
            ),
        )
    return dataset, None


def _files(session: ReadSession, dataset: Dataset) -> Sequence[DatasetFile]:
    return session.scalars(select(DatasetFile).where(DatasetFile.dataset_id == dataset.id)).all()


def _uploaded_vocabulary(spec: JobSpec, files: Sequence[DatasetFile]) -> int | None:
    if spec.data.tokenizer.kind != "uploaded":
        return None
    return next((f.report["vocabulary_size"] for f in files if f.report.get("vocabulary_size")), None)


def _too_small(dataset: Dataset, spec: JobSpec, files: Sequence[DatasetFile]) -> ProblemDetail | None:
    message = _SHORTAGES[dataset.modality](spec, files)
    if message is None:
        return None
    return ProblemDetail(param="dataset", code="dataset_too_small", message=message)


def _too_few_images(spec: JobSpec, files: Sequence[DatasetFile]) -> str | None:
    """Repeats and what is set aside are not learned from; one image at least is held out."""
    images = sum(samples(file.report) - file.report.get("duplicates", 0) for file in files)
    if images < 2:
        return "the dataset needs two different images at least: one to learn from and one held out for evaluation"
    held_out = sum(file.report.get("held_out", 0) for file in files)
    most, needed = images - max(1, held_out), spec.training.least_sequences_per_step
    if most >= needed:
        return None
    return (
        f"the dataset has at most {most:,} different images to learn from and one batch takes {needed:,}: "
        "add images, or lower training.batch_size"
    )


def _too_few_recordings(spec: JobSpec, files: Sequence[DatasetFile]) -> str | None:
    """A recording gives as many clips as cover it; one recording at least is held out."""
    recordings = sum(samples(file.report) - file.report.get("duplicates", 0) for file in files)
    if recordings < 2:
        return "the dataset needs two different recordings at least: one to learn from and one held out for evaluation"
    seconds = sum(3600 * file.report["sound"]["hours"] for file in files if "sound" in file.report)
    most = recordings - 1 + int(seconds / spec.data.audio.clip_seconds)
    needed = spec.training.batch_size
    if most >= needed:
        return None
    return (
        f"the dataset has at most {most:,} clips to learn from and one batch takes {needed:,}: "
        "add recordings, or lower training.batch_size or data.audio.clip_seconds"
    )


def _too_few_tokens(spec: JobSpec, files: Sequence[DatasetFile]) -> str | None:
    """No tokenizer makes more tokens than bytes; a separator follows each document, and one token of a row is [CLS]."""
    documents = sum(file.report.get("documents", 0) for file in files)
    if documents < 2:
        return "the dataset needs two documents at least: one to learn from and one held out for evaluation"
    tokens = documents + sum(_text_bytes(file) for file in files)
    training = spec.training
    needed = training.least_sequences_per_step * (training.sequence_length - 1)
    if tokens >= needed:
        return None
    return (
        f"the dataset has at most {tokens:,} tokens and one batch takes {needed:,}: "
        "add text, or lower training.batch_size or training.sequence_length"
    )


_SHORTAGES: dict[str, Callable[[JobSpec, Sequence[DatasetFile]], str | None]] = {
    "text": _too_few_tokens,
    "image": _too_few_images,
    "audio": _too_few_recordings,
}


def _text_bytes(file: DatasetFile) -> int:
    """The most bytes of UTF-8 that its text can have."""
    most: int = 4 * file.report.get("characters", 0)
    if file.report.get("kind") in {"text", "jsonl", "csv"} and not file.report.get("compression"):
        most = min(most, file.bytes)
    return most


def _too_large(session: ReadSession, spec: JobSpec, weight: Estimate) -> ProblemDetail | None:
    query = select(func.max(Worker.memory_bytes)).where(
        Worker.last_seen_at > func.clock_timestamp() - _SEEN_WITHIN
    )
    if spec.resources.device != "auto":
        query = query.where(Worker.device == spec.resources.device)
    largest = session.execute(query).scalar_one()
    if largest is None or weight.memory_bytes <= largest:
        return None
    param, what = ("model", "a smaller model")
    if weight.activation_bytes > weight.weights_bytes:
        param, what = ("training.batch_size", "a smaller batch_size or more accumulation_steps")
    return ProblemDetail(
        param=param,
        code="spec_exceeds_memory",
        message=(
            f"training takes about {gibibytes(weight.memory_bytes)} of memory and the largest worker has "
            f"{gibibytes(largest)}: choose {what}"
        ),
    )


def _nobody(session: ReadSession, spec: JobSpec, weight: Estimate) -> ProblemDetail | None:
    workers = fleet(session)
    if workers.able(spec.resources.device, weight.memory_bytes):
        return None
    return ProblemDetail(
        param="resources.device",
        code="no_worker_online",
        message="no worker that could run this is online now; the job would wait for one",
    )
