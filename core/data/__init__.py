"""Reads and prepares a dataset's files for training, one package for each modality. Imports no torch."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.data.errors import DataError
from core.data.files import DataFile, data_files
from core.data.prepared import Prepared, Samples, SplitName
from core.data.progress import OnProgress
from core.data.sampling import sample_indices
from core.spec.job import JobSpec
from core.spec.prepared import takes_tokenizer

__all__ = [
    "DataError",
    "DataFile",
    "Prepared",
    "Samples",
    "SplitName",
    "data_files",
    "prepare_for",
    "sample_indices",
]


def prepare_for(
    job: JobSpec,
    files: Sequence[DataFile],
    cache: Path,
    *,
    on_progress: OnProgress | None = None,
    start: Path | None = None,
) -> Prepared:
    """The prepared form of a job's dataset. Prepared now if it is not in ``cache``.

    Args:
        start: The checkpoint that the job starts or resumes from, for its tokenizer.

    Raises:
        DataError: where the files cannot be used for training.
        OSError: where ``cache`` cannot be written.
    """
    modality = importlib.import_module(f"core.data.{job.task.modality}")
    options: dict[str, Any] = {}
    if start is not None and takes_tokenizer(job.task.modality, job.data):
        options["start"] = modality.StartTokenizer.read(start)
    prepared: Prepared = modality.prepare(files, job.prepared_data, cache, on_progress=on_progress, **options)
    if job.task.modality == "image" and job.model.preprocessor is not None:
        images: Any = prepared
        prepared = images.preprocessed_as(job.model.preprocessor)
    return prepared
