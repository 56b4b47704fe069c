"""The data of the earlier stages: named on the command line, prepared as the job's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from core.data import Prepared, data_files, prepare_for
from core.data.progress import OnProgress
from core.errors import EngineError
from core.formats.tables.reading import ReadingOptions
from core.spec.continual import Ancestor
from core.spec.job import JobSpec


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    data: list[str]
    reading: dict[str, dict[str, Any]] = {}
    sha256: dict[str, str] = {}
    cache: str | None = None


_ENTRIES = TypeAdapter(dict[str, _Entry])


@dataclass(frozen=True, slots=True)
class EarlierData:
    """Where the files of an earlier stage are."""

    paths: tuple[Path, ...]
    reading: Mapping[str, ReadingOptions] = field(default_factory=dict)
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Of files that were hashed already, by name."""
    cache: Path | None = None
    """Where its prepared data are kept. Default: beside those of the run."""


@dataclass(frozen=True, slots=True)
class Stage:
    """An earlier stage whose data are here."""

    ancestor: Ancestor
    job: JobSpec
    """The job that is run, with the stage's data in place of its own."""
    data: Prepared
    among: tuple[int, ...] | None = None
    """The classes among which the answers of its samples are. None: all."""


def read_earlier(path: Path) -> dict[str, EarlierData]:
    """Read a JSON file ``{JOB: {"data": [PATH, …], "reading": {NAME: {…}}, "sha256": {NAME: …}, "cache": DIR}}``; only ``data`` is required.

    Raises:
        OSError: it cannot be read.
        ValueError: it has other content.
    """
    found = {}
    for job, entry in _ENTRIES.validate_json(path.read_bytes()).items():
        reading = {name: ReadingOptions.of(facts) for name, facts in entry.reading.items()}
        own = None if entry.cache is None else Path(entry.cache)
        found[job] = EarlierData(tuple(map(Path, entry.data)), reading, entry.sha256, own)
    return found


def prepare_earlier(
    job: JobSpec,
    given: Mapping[str, EarlierData],
    cache: Path,
    *,
    on_progress: OnProgress | None = None,
    start: Path | None = None,
) -> list[Stage]:
    """The data of the job's ancestors that still have a dataset, oldest first, each read as its own job read it, of text with
    the job's tokenizer.

    Args:
        given: By the job's id.
        start: As for `core.data.prepare_for`.

    Raises:
        DataError: where a stage's files cannot be used.
        EngineError: ``earlier_data_missing`` where the files of an ancestor were not named.
    """
    stages = []
    for ancestor in ancestors_with_data(job, given):
        data = ancestor.data.model_copy(update={"tokenizer": job.data.tokenizer})
        as_read = job.model_copy(update={"data": data})
        where = given[ancestor.job]
        files = data_files(where.paths, job.task.modality, where.reading, where.sha256)
        prepared = prepare_for(as_read, files, where.cache or cache, on_progress=on_progress, start=start)
        stages.append(Stage(ancestor, as_read, prepared))
    return stages


def ancestors_with_data(job: JobSpec, given: Mapping[str, EarlierData]) -> Sequence[Ancestor]:
    """
    Raises:
        EngineError: ``earlier_data_missing``.
    """
    ancestors = job.continual.ancestors if job.continual is not None else ()
    for ancestor in ancestors:
        if ancestor.dataset is not None and ancestor.job not in given:
            raise EngineError(
                "earlier_data_missing",
                f"The job goes on from {ancestor.job}, and the files that it learned from were not named.",
                "Name them in the file of --earlier, or set the ancestor's dataset to null to go on without them.",
                job=ancestor.job,
                dataset=ancestor.dataset,
            )
    return [ancestor for ancestor in ancestors if ancestor.job in given]
