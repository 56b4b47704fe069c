"""What differs between datasets of text, of images and of audio: one entry a modality, and nothing elsewhere.

Images and recordings are read by code that needs numpy, Pillow and libsndfile; it is imported where a file is at hand.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from control.datasets.statistics import audio_statistics, image_statistics, text_statistics
from core.formats import Kind, inspect_file
from core.formats.reading import ReadingOptions

READING = "reading"
"""In a report: what was said at the upload of how the file is read, as `ReadingOptions.facts` has it. Jobs read it likewise."""

Report = dict[str, Any]
"""What inspection found in a file, as JSON has it; ``samples`` in every modality's."""


@dataclass(frozen=True)
class ModalityRules:
    """How datasets of one modality are read and summed up."""

    noun: str
    """What it holds none of, where it is empty."""
    inspect: Callable[[BinaryIO, str, str | None], Report]
    """Reads a file through: ``(stream, name, column)``."""
    statistics: Callable[[Sequence[Report]], dict[str, object]]
    """A dataset's, from its files' reports."""
    harmless: frozenset[Kind]
    """Kinds that may be read in the process that answers requests, where they are small."""
    sheet: Callable[[Sequence[str], int], bytes] | None = None
    """Draws thumbnails of reports as one PNG, so many side by side; None where samples are read, not looked at."""


def _text(stream: BinaryIO, name: str, column: str | None) -> Report:
    report = dataclasses.asdict(inspect_file(stream, name, text_column=column))
    return report | {"samples": report["documents"], READING: ReadingOptions(column).facts()}


def _images(stream: BinaryIO, name: str, column: str | None) -> Report:
    from core.formats.image_inspection import inspect_image_file  # noqa: PLC0415 - see the module's docstring

    report = dataclasses.asdict(inspect_image_file(stream, name, image_column=column))
    return report | {READING: ReadingOptions(column).facts()}


def _image_sheet(thumbnails: Sequence[str], columns: int) -> bytes:
    from core.formats.contact_sheet import contact_sheet  # noqa: PLC0415 - see the module's docstring

    return contact_sheet(thumbnails, columns)


def _audio(stream: BinaryIO, name: str, _column: str | None) -> Report:
    from core.formats.audio_inspection import inspect_audio_file  # noqa: PLC0415 - see the module's docstring

    return dataclasses.asdict(inspect_audio_file(stream, name))


def _audio_sheet(thumbnails: Sequence[str], columns: int) -> bytes:
    from core.formats.sound_pictures import sound_sheet  # noqa: PLC0415 - see the module's docstring

    return sound_sheet(thumbnails, columns)


MODALITIES: Mapping[str, ModalityRules] = {
    "text": ModalityRules("text", _text, text_statistics, frozenset({Kind.TEXT, Kind.JSONL, Kind.CSV})),
    "image": ModalityRules("images", _images, image_statistics, frozenset(), _image_sheet),
    "audio": ModalityRules("recordings", _audio, audio_statistics, frozenset(), _audio_sheet),
}


def samples(report: Report) -> int:
    """Documents, images or recordings in a file."""
    # Reports of before there were other modalities than text count documents alone.
    count: int = report["samples"] if "samples" in report else report.get("documents", 0)
    return count
