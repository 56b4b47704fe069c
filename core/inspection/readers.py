"""Inspects a file of each modality: its report, and the examples that the dashboard shows."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, BinaryIO

from core.formats.tables.reading import ReadingOptions

Report = dict[str, Any]
"""Plain values for JSON. Every modality's has ``samples``."""
Examples = dict[str, Any]
"""``documents``: [{"text", "characters"}]; or ``thumbnails``: images in base64."""


def read(stream: BinaryIO, name: str, modality: str, options: ReadingOptions) -> tuple[Report, Examples]:
    """Inspect a whole file.

    Raises:
        FormatError: no samples can be read from the file.
    """
    return _READERS[modality](stream, name, options)


def _text(stream: BinaryIO, name: str, options: ReadingOptions) -> tuple[Report, Examples]:
    from core.formats.text.inspection import inspect_file  # noqa: PLC0415 - a child imports what its file needs

    report = dataclasses.asdict(inspect_file(stream, name, options=options))
    examples = report.pop("examples")
    return report | {"samples": report["documents"]}, {"documents": examples}


def _images(stream: BinaryIO, name: str, options: ReadingOptions) -> tuple[Report, Examples]:
    from core.formats.image.inspection import inspect_image_file  # noqa: PLC0415 - as above

    report = dataclasses.asdict(inspect_image_file(stream, name, image_column=options.column))
    return report, {"thumbnails": report.pop("thumbnails")}


def _audio(stream: BinaryIO, name: str, _options: ReadingOptions) -> tuple[Report, Examples]:
    from core.formats.audio.inspection import inspect_audio_file  # noqa: PLC0415 - as above

    report = dataclasses.asdict(inspect_audio_file(stream, name))
    return report, {"thumbnails": report.pop("thumbnails")}


_READERS: Mapping[str, Callable[[BinaryIO, str, ReadingOptions], tuple[Report, Examples]]] = {
    "text": _text,
    "image": _images,
    "audio": _audio,
}


def text_examples(stream: BinaryIO, name: str, options: ReadingOptions) -> Examples:
    """Only the examples of a text file that was inspected before, from its beginning.

    Raises:
        FormatError: its beginning cannot be read.
    """
    from core.formats.text.documents import read_documents  # noqa: PLC0415 - as above
    from core.formats.text.examples import TextExamples  # noqa: PLC0415

    kept = TextExamples()
    for document in read_documents(stream, name, options=options):
        kept.add(document)
        if kept.full:
            break
    return {"documents": [dataclasses.asdict(example) for example in kept.examples]}


def read_checkpoint_file(stream: BinaryIO, name: str) -> Report:
    """Inspect one file of an uploaded checkpoint.

    Raises:
        FormatError: the file cannot be a part of a checkpoint.
    """
    from core.formats.published.inspection import inspect_checkpoint_file  # noqa: PLC0415 - as above

    return inspect_checkpoint_file(stream, name)


def draw_sheet(modality: str, thumbnails: Sequence[str], columns: int) -> bytes:
    """A PNG with thumbnails side by side."""
    if modality == "image":
        from core.formats.image.contact_sheet import contact_sheet  # noqa: PLC0415 - as above

        return contact_sheet(thumbnails, columns)
    from core.formats.audio.pictures import sound_sheet  # noqa: PLC0415 - as above

    return sound_sheet(thumbnails, columns)
