"""The differences between datasets of text, images and audio: one entry for each modality, and nothing elsewhere.

`core.inspection` reads their files, in separate processes.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from control.datasets.models import DatasetFile
from control.datasets.statistics import audio_statistics, image_statistics, text_statistics
from core.formats.names import Kind

READING = "reading"
"""Key in a report: how to read the file, as stated at the upload, in the form of `ReadingOptions.facts`. Jobs read it in the same way."""

Report = dict[str, Any]
"""What inspection found in a file, as JSON; every modality has ``samples``."""


@dataclass(frozen=True)
class ModalityRules:
    """The names and the statistics of a dataset of one modality."""

    noun: str
    """Noun for its samples, for the message that an empty dataset has none."""
    statistics: Callable[[Sequence[Report]], dict[str, object]]
    """Computes a dataset's statistics from its files' reports."""
    plain: frozenset[Kind] = frozenset()
    """Kinds of files that are inspected without waiting, if they are small."""
    looked_at: bool = False
    """Whether its samples are shown as pictures."""


MODALITIES: Mapping[str, ModalityRules] = {
    "text": ModalityRules("text", text_statistics, frozenset({Kind.TEXT, Kind.JSONL, Kind.CSV})),
    "image": ModalityRules("images", image_statistics, looked_at=True),
    "audio": ModalityRules("recordings", audio_statistics, looked_at=True),
}


def samples(report: Report) -> int:
    """Number of documents, images or recordings in a file."""
    # Reports from before there were images and audio count only documents.
    count: int = report["samples"] if "samples" in report else report.get("documents", 0)
    return count


def vocabulary_of(files: Iterable[DatasetFile]) -> int | None:
    """Number of tokens in the uploaded ``tokenizer.json`` of a dataset; None if it has none."""
    return next((f.report["vocabulary_size"] for f in files if f.report.get("vocabulary_size")), None)
