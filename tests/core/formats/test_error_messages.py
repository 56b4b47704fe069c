"""Error messages name the type that was found, and never show a Python object."""

import io
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data.errors import DataError
from core.formats import FormatError, inspect_file
from core.formats.audio.inspection import inspect_audio_file
from core.formats.image.inspection import inspect_image_file


def lines(*rows: Any) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def refused(content: bytes, name: str, **named: Any) -> FormatError:
    with pytest.raises(FormatError) as caught:
        inspect_file(io.BytesIO(content), name, **named)
    return caught.value


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([{"text": ["a"]}], "'text' (a list in the first row)"),
        ([{"text": None}, {"text": None}], "'text' (null in the first 2 rows)"),
        ([{"text": 5}, {"text": None}], "'text' (a number or null in the first 2 rows)"),
        ([{"text": {"a": "b"}}], "'text' (an object in the first row)"),
        ([{"text": True}], "'text' (a truth value in the first row)"),
    ],
)
def test_the_type_in_the_first_rows_is_named(rows: Sequence[Any], found: str) -> None:
    error = refused(lines(*rows), "a.jsonl")
    assert error.code == "no_text_column"
    assert f"its keys are {found}" in error.message


def test_the_type_of_a_table_s_column_is_named() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"text": pa.array([["a"]]), "other": pa.array([1])}), sink)
    error = refused(sink.getvalue(), "a.parquet")
    assert "'text' (of type list<" in error.message
    assert "'other' (of type int64)" in error.message


def test_what_a_csv_holds_instead_is_named() -> None:
    error = refused(b"a,b\n1,\n2,\n", "a.csv")
    assert "'a' (numbers), 'b' (only empty fields)" in error.message


def test_no_object_is_shown_for_an_image() -> None:
    with pytest.raises(FormatError) as caught:
        inspect_image_file(io.BytesIO(b"\x89PNG no image"), "a.png")
    assert "object" not in str(caught.value)
    assert "no known image format" in str(caught.value)


def test_no_object_is_shown_for_a_recording() -> None:
    with pytest.raises(FormatError) as caught:
        inspect_audio_file(io.BytesIO(b"RIFF no recording"), "a.wav")
    assert " at 0x" not in str(caught.value)


@pytest.mark.parametrize("kind", [FormatError, DataError])
def test_python_objects_in_a_librarys_message_are_replaced_by_the_file(kind: type) -> None:
    words = f"cannot read {io.BytesIO()!r} or {io.BufferedReader(io.BytesIO())!r}"  # type: ignore[arg-type]
    error = (
        FormatError("bad_image", words, "a") if kind is FormatError else DataError("data_unreadable", words)
    )
    assert error.message == "cannot read the file or the file"


@pytest.mark.parametrize("name", ["a\0b", "x" * 256])
def test_a_key_that_cannot_be_kept_is_refused(name: str) -> None:
    error = refused(lines({name: "some text"}), "a.jsonl")
    assert error.code == "no_text_column"
    assert "cannot be stored" in error.message
    assert len(str(error)) < 500


def test_a_column_that_cannot_be_kept_is_refused() -> None:
    error = refused(b'"a\0b",n\n' + b"some texts,1\n" * 51, "a.csv")
    assert "U+0000" in error.message


def test_a_table_s_column_that_cannot_be_kept_is_refused() -> None:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a\0b": ["text"]}), sink)
    assert "U+0000" in refused(sink.getvalue(), "a.parquet").message


def test_other_keys_may_be_called_anything() -> None:
    row = {"text": "a text", "a\0b": 1, "x" * 10_000_000: 2}
    report = inspect_file(io.BytesIO(lines(row)), "a.jsonl")
    assert report.text_column == "text"
