"""The differences between datasets of text, images and audio: one entry for each modality, and nothing elsewhere.

How their files are read is `core.inspection`'s, in processes of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from control.datasets.statistics import audio_statistics, image_statistics, text_statistics
from core.formats.names import Kind

READING = "reading"
"""In a report: what was said at the upload of how the file is read, as `ReadingOptions.facts` has it. Jobs read it likewise."""

Report = dict[str, Any]
"""What inspection found in a file, as JSON has it; ``samples`` in every modality's."""


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
    """Documents, images or recordings in a file."""
    # Reports of before there were other modalities than text count documents alone.
    count: int = report["samples"] if "samples" in report else report.get("documents", 0)
    return count
