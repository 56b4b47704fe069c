"""Results of admission and of the engine for the same job and dataset."""

import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import text

from control.datasets.modalities import READING
from control.datasets.models import Dataset, DatasetFile
from control.db import WriteSession
from control.ids import new_id
from control.jobs import service as jobs
from control.jobs.schemas import ValidationOut
from core.data import DataError, data_files, prepare_for
from core.data.files import ReadingByName
from core.distributed.world import World
from core.formats import FormatError
from core.formats.tables.reading import ReadingOptions
from core.inspection.readers import read
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from core.training.batches import BatchStream


@dataclass(frozen=True)
class Upload:
    """A file, and the column that was named at its upload."""

    name: str
    content: bytes
    column: str | None = None


@lru_cache(maxsize=256)
def _report(upload: Upload, modality: str) -> str | None:
    options = ReadingOptions(upload.column)
    try:
        report, _ = read(io.BytesIO(upload.content), upload.name, modality, options)
    except FormatError:
        return None
    return json.dumps(report | {READING: options.facts()})


def inspected(uploads: list[Upload], modality: str) -> dict[str, dict[str, Any]] | None:
    """Each file's report as the database gives it back; None where one of the files is refused, so that there is no dataset."""
    reports = {upload.name: _report(upload, modality) for upload in uploads}
    told = {name: json.loads(report) for name, report in reports.items() if report is not None}
    return told if len(told) == len(reports) else None


def admitted(
    session: WriteSession,
    project: str,
    document: Mapping[str, Any],
    uploads: list[Upload],
    reports: Mapping[str, Any],
    modality: str,
) -> ValidationOut:
    """The response of ``POST /v1/jobs/validate``."""
    # Between two examples the engine prepares, which takes a busy machine longer than an idle transaction may last.
    session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    dataset = Dataset(id=new_id("ds"), project_id=project, name="any", modality=modality, state="ready")
    session.add(dataset)
    session.flush()
    for upload in uploads:
        session.add(
            DatasetFile(
                dataset_id=dataset.id,
                name=upload.name,
                bytes=len(upload.content),
                sha256=sha256(upload.content).hexdigest(),
                object_key="none",
                report=reports[upload.name],
            )
        )
    session.flush()
    return jobs.validate_document(session, project, {**document, "dataset": dataset.id})


def engine_refuses(document: Mapping[str, Any], uploads: list[Upload], modality: Any) -> DataError | None:
    """The engine's error about the data; None if it makes its first batch."""
    job = validate(dict(document))
    reading: ReadingByName = {upload.name: ReadingOptions(upload.column) for upload in uploads}
    with tempfile.TemporaryDirectory() as scratch:
        paths = []
        for upload in uploads:
            path = Path(scratch, "data", upload.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(upload.content)
            paths.append(path)
        try:
            data = prepare_for(job, data_files(paths, modality, reading), Path(scratch, "cache"))
            objective = create_objective(job, data)
            samples, needed = objective.samples("train"), job.training.least_sequences_per_step
            samples.require(needed)
            objective.samples("held_out").require(1)
            training = job.training.model_copy(update={"batch_size": needed})
            with BatchStream(objective, samples, training, World()) as batches:
                assert sum(batch.samples for batch in batches.make(1)) == needed
        except DataError as error:
            return error
    return None
