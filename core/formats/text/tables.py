"""Reads the rows of a table of texts: CSV, JSON Lines or Parquet, compressed or in an archive."""

import shutil
import tempfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from core.formats.containers.source import Source
from core.formats.names import Kind
from core.formats.tables.reading import Row
from core.formats.text.decode import decode, lines
from core.formats.text.delimited import csv_rows
from core.formats.text.jsonl import jsonl_rows
from core.formats.text.sources import TextSource


def table_rows(source: TextSource) -> Iterator[Row]:
    """The rows of a table.

    Raises:
        FormatError: with the code of the problem, when the reader reaches it.
    """
    reading, place = source.reading, source.reading.place
    opened = Source(source.stream, source.format.compression, place, source.budget)
    if source.format.kind is Kind.PARQUET:
        yield from _parquet(source, opened)
        return
    texts, limit = decode(opened.chunks(), place), reading.limits.document_characters
    if source.format.kind is Kind.JSONL:
        yield from jsonl_rows(lines(texts, place, limit, "bad_json"), reading)
    else:
        yield from csv_rows(lines(texts, place, limit, "bad_csv"), reading)


def _parquet(source: TextSource, opened: Source) -> Iterator[Row]:
    # Imported where it is needed: the import takes 0.3 s, and most files do not need it.
    from core.formats.text.parquet import parquet_rows  # noqa: PLC0415 - see above

    reading, budget = source.reading, source.budget
    if source.format.compression is None and reading.place.member is None:
        yield from parquet_rows(source.stream, reading, budget)
        return
    with tempfile.TemporaryFile() as unpacked:
        shutil.copyfileobj(opened, unpacked, 1 << 20)
        if not unpacked.tell():
            raise reading.place.error("empty_file", "is empty")
        unpacked.seek(0)
        yield from parquet_rows(cast(BinaryIO, unpacked), reading, budget)
