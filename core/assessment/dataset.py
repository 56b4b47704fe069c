"""A dataset as a checkpoint reads it: with the checkpoint's tokenizer, or with the normalisation that it was trained with."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.assessment.opened import Opened
from core.data import DataFile, Prepared, prepare_for
from core.data.files import identities
from core.data.image import PreparedImages
from core.data.image.normalised import normalised_as
from core.data.progress import OnProgress
from core.data.text import PreparedText, SplitStatistics
from core.spec.job import JobSpec
from core.spec.prepared import prepared_key, tokenizer_identity


@dataclass(frozen=True, slots=True)
class Reading:
    """A dataset prepared for one checkpoint."""

    job: JobSpec
    """The checkpoint's spec, with the settings of data that were used."""
    files: Sequence[DataFile]
    data: Prepared


def read_for(
    opened: Opened, job: JobSpec, files: Sequence[DataFile], cache: Path, on_progress: OnProgress
) -> Reading:
    """Prepare a dataset for a checkpoint. The data that it was trained on is not prepared anew.

    Args:
        job: its spec, possibly with other settings of data.

    Raises:
        DataError: the files cannot be used.
    """
    tokenizer = tokenizer_identity({file.path: file.sha256 for file in opened.manifest.files})
    own = prepared_key(job.task.modality, job.data, identities(files), tokenizer) == opened.manifest.data_key
    if job.task.modality == "text" and not own:
        taken = job.data.tokenizer.model_copy(update={"kind": "checkpoint"})
        job = job.model_copy(update={"data": job.data.model_copy(update={"tokenizer": taken})})
    if job.task.needs_labels:
        # What has no label, or one that the checkpoint does not know, is not measured.
        job = job.model_copy(update={"data": job.data.model_copy(update={"on_missing_label": "skip"})})
    data = prepare_for(job, files, cache, on_progress=on_progress, start=opened.path)
    if isinstance(data, PreparedImages) and not own and data.preprocessor is None:
        data = normalised_as(opened.path, data)
    return Reading(job, files, data)


def with_sampling_of(first: JobSpec, job: JobSpec) -> JobSpec:
    """A job that reads the same samples of a dataset as ``first``, in its own size, rate and tokens.

    Two checkpoints are compared on the same samples; what one of them was trained to read stays as it is.
    """
    own, wanted = job.data, first.data
    data = wanted.model_copy(
        update={
            "tokenizer": own.tokenizer,
            "packing": own.packing,
            "image": wanted.image.model_copy(update={"size": own.image.size, "channels": own.image.channels}),
            "audio": wanted.audio.model_copy(
                update={
                    name: getattr(own.audio, name)
                    for name in ("sampling_rate", "normalization", "clip_seconds")
                }
            ),
        }
    )
    return job.model_copy(update={"data": data})


def statistics_of_all(data: PreparedText) -> SplitStatistics:
    """The size of both splits together."""
    train, held_out = data.train, data.held_out
    return SplitStatistics(
        documents=train.documents + held_out.documents,
        characters=train.characters + held_out.characters,
        text_bytes=train.text_bytes + held_out.text_bytes,
        tokens=train.tokens + held_out.tokens,
    )
