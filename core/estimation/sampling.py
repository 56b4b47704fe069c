"""Takes a sample of a large text dataset for an estimate, because preparing all of it would take too long."""

import json
import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO

from core.data import DataFile, data_files
from core.data.files import read_each
from core.formats import Kind, Notes, detect, read_documents
from core.spec.data import DataSpec

WHOLE_BYTES = 64 << 20
"""Total bytes up to which files are prepared whole, into the cache that the job itself will use."""
SAMPLE_BYTES = 32 << 20
"""Bytes of text that are taken from a larger dataset."""


def sample_text(files: Sequence[DataFile], spec: DataSpec, directory: Path) -> list[DataFile]:
    """The first documents of every file, each file with its share, as one new file in ``directory``.

    An uploaded tokenizer is included.

    Raises:
        DataError: ``data_unreadable``.
    """
    sizes = {file.name: file.path.stat().st_size for file in files}
    whole = sum(sizes.values())
    with (directory / "sample.jsonl").open("w", encoding="utf-8") as sample:
        for file in files:
            if detect(file.name).kind is Kind.TOKENIZER:
                shutil.copyfile(file.path, directory / "tokenizer.json")
                continue
            left = SAMPLE_BYTES * sizes[file.name] // whole
            notes = Notes()
            for document in read_each([file], partial(_documents, spec=spec, notes=notes)):
                sample.write(json.dumps({spec.text_column or "text": document}) + "\n")
                left -= len(document)
                if left <= 0:
                    break
            if notes.tokenizer is not None:
                (directory / "tokenizer.json").write_bytes(notes.tokenizer)
    return data_files([directory], "text")


def _documents(file: DataFile, stream: BinaryIO, *, spec: DataSpec, notes: Notes) -> Iterator[str]:
    return read_documents(
        stream,
        file.name,
        text_column=spec.text_column,
        options=file.reading,
        columns=spec.text.columns,
        notes=notes,
    )
