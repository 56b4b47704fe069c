"""Reads images from Parquet as Hugging Face writes them: a struct of ``bytes`` and ``path``, or only the bytes."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from core.formats.containers.source import Uncloseable
from core.formats.errors import FormatError, Place, printable
from core.formats.limits import Budget
from core.formats.notes import Note
from core.formats.tables.class_names import class_names
from core.formats.tables.columns import expect_one, expect_storable, single_columns

_ROWS = 64
_IMAGE_COLUMNS = ("image", "img")
_LABEL_COLUMNS = ("label", "fine_label", "labels")


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    number: int
    """Row number, from 0."""
    content: bytes | None
    """The encoded image; None where there is none."""
    label: str | None


def image_rows(
    stream: BinaryIO,
    place: Place,
    budget: Budget,
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    notes: list[Note] | None = None,
    on_columns: Callable[[list[str], list[str], str], object] = lambda _images, _labels, _read: None,
) -> Iterator[Row]:
    """The rows of a table of images, 64 in memory at a time.

    Args:
        notes: Gets a note if the column of labels, or values in it, are not used as classes.
        on_columns: Called with the names of the columns of images, of those that may hold classes, and of the column of
            images that is read.

    Raises:
        FormatError: ``bad_parquet``, ``no_image_column``, ``archive_bomb``.
    """
    try:
        file = pq.ParquetFile(
            pa.PythonFile(Uncloseable(stream), mode="r"), pre_buffer=False, buffer_size=1 << 20
        )
        schema = file.schema_arrow
        image = _image_column(schema, image_column, place)
        expect_one(image, schema.names, place, "bad_parquet")
        expect_storable(image, place, "no_image_column")
        single = set(single_columns(schema.names))
        fields = [field for field in schema if field.name in single]
        on_columns(
            [field.name for field in fields if _holds_images(field.type)],
            [field.name for field in fields if _holds_labels(field.type)],
            image,
        )
        label = _label_column(schema, label_column, place)
        if label is not None:
            expect_one(label, schema.names, place, "bad_parquet")
        unused = _Unused(schema, label)
        names = class_names(schema.metadata or {}, label)
        wanted = [f"{image}.bytes" if pa.types.is_struct(schema.field(image).type) else image]
        batches = file.iter_batches(_ROWS, columns=[*wanted, *([label] if label else [])], use_threads=False)
        number = 0
        for batch in batches:
            images = batch.column(batch.schema.get_field_index(image))
            labels = batch.column(batch.schema.get_field_index(label)) if label else None
            budget.spend(images.nbytes, place)
            for row in range(batch.num_rows):
                value = images[row].as_py()
                content = value.get("bytes") if isinstance(value, dict) else value
                mark = unused.look(_name(labels[row].as_py(), names)) if labels is not None else None
                yield Row(number, content, mark)
                number += 1
        if notes is not None:
            notes += unused.notes()
    except (FormatError, MemoryError):  # a MemoryError of Arrow is an ArrowException too
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        what = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise place.error(
            "bad_parquet",
            f"is damaged, cut off or not a Parquet file ({what}); write or upload it again",
            case="damaged",
            error=what,
        ) from None


class _Unused:
    """Notes on columns and values of labels that are not used as classes."""

    def __init__(self, schema: Any, label: str | None) -> None:
        self._label = label
        kinds = {field.name: str(field.type) for field in schema if field.name in _LABEL_COLUMNS}
        self._columns = {name: kind for name, kind in kinds.items() if label is None}
        self._rows = 0

    def look(self, name: str | None) -> str | None:
        self._rows += name == _NO_CLASS
        return name or None

    def notes(self) -> list[Note]:
        found = [
            Note(
                "labels_not_used",
                f"The column {name!r} holds {kind[:80]}, which is not used for classes, so the images have no class from it. "
                "Classes can be whole numbers, booleans or names.",
                {"case": "column", "column": name, "type": kind[:80]},
            )
            for name, kind in self._columns.items()
        ]
        if self._rows:
            label = printable(str(self._label))
            found.append(
                Note(
                    "labels_not_used",
                    f"In the column {label!r}, {self._rows:,} values are no class: fractions, negative numbers, "
                    "or numbers beyond the names that the file gives. Those images have no class.",
                    {"case": "values", "column": label, "values": self._rows},
                )
            )
        return found


_NO_CLASS = ""
"""Stands for a value that is no class. An empty name is no class either."""


def _name(value: Any, names: tuple[str, ...]) -> str | None:
    """The class that a value stands for. None where there is no value."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        if not math.isfinite(value) or value != int(value) or value < 0:
            return _NO_CLASS
        number = int(value)
        if names:
            return names[number] if number < len(names) else _NO_CLASS
        return str(number)
    return printable(str(value)) or _NO_CLASS


def _image_column(schema: Any, wanted: str | None, place: Place) -> str:
    columns: dict[str, bool] = {field.name: _holds_images(field.type) for field in schema}
    if wanted is not None:
        if columns.get(wanted):
            return wanted
        raise _no_column(
            f"has no column {printable(wanted)!r} of images",
            columns,
            place,
            "image",
            case="no_such_column",
            column=wanted,
        )
    for name in _IMAGE_COLUMNS:
        if columns.get(name):
            return name
    binary = [name for name, holds in columns.items() if holds]
    if len(binary) == 1:
        return binary[0]
    problem = "has several columns of images" if binary else "has no column of images"
    case = "several_columns" if binary else "no_column"
    raise _no_column(problem, columns, place, "image", case=case)


def _label_column(schema: Any, wanted: str | None, place: Place) -> str | None:
    columns = {field.name: _holds_labels(field.type) for field in schema}
    if wanted is not None:
        if columns.get(wanted):
            return wanted
        raise _no_column(
            f"has no column {printable(wanted)!r} of numbers, booleans or strings",
            columns,
            place,
            "label",
            case="no_such_labels",
            column=wanted,
        )
    return next((name for name in _LABEL_COLUMNS if columns.get(name)), None)


def _holds_images(kind: Any) -> bool:
    if pa.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and _holds_images(kind.field(index).type)
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def _holds_labels(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(
        holds(kind)
        for holds in (
            pa.types.is_integer,
            pa.types.is_floating,
            pa.types.is_decimal,
            pa.types.is_boolean,
            pa.types.is_string,
            pa.types.is_large_string,
            pa.types.is_string_view,
        )
    )


def _no_column(
    problem: str, columns: Mapping[str, bool], place: Place, what: str, **params: Any
) -> FormatError:
    names = [printable(name[:80]) for name in list(columns)[:20]]
    return place.error(
        "no_image_column",
        f"{problem}; its columns are {', '.join(map(repr, names)) or 'none'}. Name the right one as data.image.{what}_column; images are "
        "bytes, or a struct with a field 'bytes'",
        kind=what,
        columns=names,
        **params,
    )
