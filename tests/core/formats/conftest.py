"""Files of every format, made from given documents."""

import csv
import gzip
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from core.formats import FormatError, read_documents


def _text(documents: list[str], _: str) -> bytes:
    return "\f".join(documents).encode()


def _jsonl(documents: list[str], column: str) -> bytes:
    return "".join(json.dumps({"id": i, column: text}) + "\n" for i, text in enumerate(documents)).encode()


def _csv(documents: list[str], column: str) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([["id", column], *([i, text] for i, text in enumerate(documents))])
    return out.getvalue().encode()


def _parquet(documents: list[str], column: str) -> bytes:
    out = io.BytesIO()
    table = {"id": list(range(len(documents))), column: pa.array(documents, pa.string())}
    pq.write_table(pa.table(table), out, row_group_size=max(3, len(documents) // 2))
    return out.getvalue()


_FORMATS = {".txt": _text, ".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}
_WRAPPERS: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".zst": zstandard.compress}


@pytest.fixture(scope="session")
def make() -> Callable[..., bytes]:
    """``make("a.csv.gz", documents)``: the content of a file of that name."""

    def file(name: str, documents: list[str], column: str = "text") -> bytes:
        stem, dot, last = name.rpartition(".")
        if (suffix := dot + last) in _WRAPPERS:
            return _WRAPPERS[suffix](file(stem, documents, column))
        return _FORMATS[suffix](documents, column)

    return file


@pytest.fixture(scope="session")
def zipped() -> Callable[..., bytes]:
    """A zip of members by name."""

    def archive(members: Mapping[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as file:
            for name, content in members.items():
                file.writestr(name, content)
        return out.getvalue()

    return archive


@pytest.fixture(scope="session")
def read() -> Callable[..., list[str]]:
    """All documents in the content of a file."""
    return lambda content, name, **options: list(read_documents(io.BytesIO(content), name, **options))


@pytest.fixture(scope="session")
def refused(read: Callable[..., list[str]]) -> Callable[..., FormatError]:
    """The error that reading the content of a file raises."""

    def error(content: bytes, name: str, **options: Any) -> FormatError:
        with pytest.raises(FormatError) as caught:
            read(content, name, **options)
        assert caught.value.file == name
        return caught.value

    return error
