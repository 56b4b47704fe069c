"""Inspects an uploaded file in a child process, apart from the process that answers requests.

Uploaded files are untrusted: a library that reads one may crash its process or use all of its memory, and a large file
keeps a processor busy for minutes. So every file is read by a child with a budget and without access to the service
(`control.inspection`); this process reads only the file's name.
"""

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from control.datasets.modalities import MODALITIES, READING, Report
from control.datasets.models import DatasetFile
from control.errors import Invalid
from control.inspection.budgets import QUICK_BYTES, budget_for
from control.inspection.running import Handle, InputFile, run
from control.inspection.server import InspectionServer
from control.storage import Stage, Storage
from core.formats.errors import FormatError
from core.formats.names import detect
from core.formats.tables.reading import AS_FOUND, ReadingOptions

Examples = dict[str, Any]
"""Examples of a file: ``documents`` or ``thumbnails``, in the form of `core.inspection.readers`."""


@dataclass(frozen=True)
class InspectionResult:
    """What inspection found in a file."""

    report: Report
    examples: Examples


def is_quick(file_bytes: int, name: str, modality: str) -> bool:
    """Whether a file is small and plain text, so that it need not wait behind larger ones."""
    promised = detect(name, modality)
    plain = promised.kind in MODALITIES[modality].plain and promised.compression is None
    return plain and file_bytes <= QUICK_BYTES


def check_format(name: str, modality: str) -> None:
    """
    Raises:
        Invalid: ``unknown_format``.
    """
    try:
        detect(name, modality)
    except FormatError as error:
        raise Invalid(error.code, f"{error}.", param="file", params=error.facts) from None


def inspect(
    server: InspectionServer,
    stage: Stage,
    name: str,
    reading: ReadingOptions = AS_FOUND,
    *,
    modality: str = "text",
    handle: Handle | None = None,
) -> InspectionResult:
    """Inspect a staged file and return what it holds; blocks until the child has ended.

    Args:
        reading: How to read it, as stated at the upload.

    Raises:
        Invalid: it holds no usable sample; the code is one of `core.formats`, ``inspection_budget`` or
            ``unreadable_file``.
        And what `control.inspection.running.run` raises.
    """
    check_format(name, modality)
    budget = budget_for(stage.bytes, quick=is_quick(stage.bytes, name, modality))
    request = {"task": "inspect", "name": name, "modality": modality, "reading": reading.facts()}
    with stage.open() as file:
        answer = run(server, request, InputFile(file, stage.bytes), budget, name=name, handle=handle)
    return InspectionResult(answer["report"] | {READING: reading.facts()}, answer["examples"])


def text_examples(
    server: InspectionServer, storage: Storage, file: DatasetFile, handle: Handle | None = None
) -> Examples:
    """The examples of a text file that was inspected before examples were stored.

    Raises:
        StorageNotFound, StorageUnavailable; and what `control.inspection.running.run` raises.
    """
    said = ReadingOptions.of(file.report.get(READING))
    reading = replace(said, column=said.column or file.report.get("text_column"))
    request = {"task": "examples", "name": file.name, "modality": "text", "reading": reading.facts()}
    with storage.open(file.object_key) as stream:
        content = InputFile(stream, file.bytes)
        answer = run(server, request, content, budget_for(0), name=file.name, handle=handle)
    found: Examples = answer["examples"]
    return found


def sheet(
    server: InspectionServer,
    modality: str,
    thumbnails: Sequence[str],
    columns: int,
    handle: Handle | None = None,
) -> bytes:
    """A PNG of thumbnails that inspection made, side by side.

    Raises:
        What `control.inspection.running.run` raises.
    """
    content = json.dumps(list(thumbnails)).encode()
    request = {"task": "sheet", "modality": modality, "columns": columns}
    with os.fdopen(os.memfd_create("thumbnails"), "w+b") as file:
        file.write(content)
        file.flush()
        budget = budget_for(0, quick=True)
        answer = run(server, request, InputFile(file, len(content)), budget, name="the sheet", handle=handle)
    return base64.b64decode(answer["png"])
