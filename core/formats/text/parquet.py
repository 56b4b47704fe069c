"""Reads documents from Parquet: one column of strings."""

from collections.abc import Iterator, Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from core.formats.containers.source import Uncloseable
from core.formats.errors import Place
from core.formats.limits import Budget
from core.formats.tables.class_names import class_names
from core.formats.tables.columns import choose_column, expect_one, not_text, repeated_columns, single_columns
from core.formats.tables.reading import Reading, Row

_BATCH_BYTES = 8 << 20
_BATCH_ROWS = 4096


def parquet_rows(stream: BinaryIO, reading: Reading, budget: Budget) -> Iterator[Row]:
    """The rows whose string in the column that ``reading`` names is not null. At most 4096 are in memory at a time.

    Numbers of a ``ClassLabel`` of the `datasets` library become their names.

    Raises:
        FormatError: ``bad_parquet``, ``no_text_column``, ``not_utf8``, ``archive_bomb``.
    """
    place = reading.place
    try:
        # `pre_buffer=False` reads the pages of each column when they are needed, not the whole row group at once.
        file = pq.ParquetFile(
            pa.PythonFile(Uncloseable(stream), mode="r"), pre_buffer=False, buffer_size=1 << 20
        )
        types: dict[str, Any] = {}
        for field in file.schema_arrow:
            types.setdefault(field.name, field.type)
        columns = {name: _is_text(kind) for name, kind in types.items()}
        held = {name: f"of type {str(types[name])[:80]}" for name, is_text in columns.items() if not is_text}
        column = choose_column(columns, reading.text_column, place, held=held, preferred=reading.preferred)
        if not columns[column]:
            raise not_text(column, str(types[column])[:80], list(types), place)
        names = file.schema_arrow.names
        expect_one(column, names, place, "bad_parquet")
        reading.use_column(column, (name for name in single_columns(names) if columns[name]))
        reading.notes += repeated_columns(names)
        reading.repeated = frozenset(names) - frozenset(single_columns(names))
        further = reading.further([name for name in types if name != column])
        for name in further:
            expect_one(name, names, place, "bad_parquet")
        yield from _rows(file, column, further, budget, place)
    except UnicodeDecodeError:
        raise place.error(
            "not_utf8", "holds strings that are not UTF-8; write it again as UTF-8", case="strings"
        ) from None
    except MemoryError:  # a MemoryError of Arrow is an ArrowException too
        raise
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        what = str(error).splitlines()[0][:300] if str(error) else type(error).__name__
        raise place.error(
            "bad_parquet",
            f"is damaged, cut off or not a Parquet file ({what}); write or upload it again",
            case="damaged",
            error=what,
        ) from None


def _rows(file: Any, column: str, further: Sequence[str], budget: Budget, place: Place) -> Iterator[Row]:
    named = [class_names(file.schema_arrow.metadata or {}, name) for name in further]
    number = 0
    for batch in file.iter_batches(
        _rows_a_batch(file.metadata), columns=[column, *further], use_threads=False
    ):
        texts = batch.column(batch.schema.get_field_index(column)).to_pylist()
        budget.spend(sum(len(text) for text in texts if text), place)
        values = [
            [
                _with_name(value, classes)
                for value in batch.column(batch.schema.get_field_index(name)).to_pylist()
            ]
            for name, classes in zip(further, named, strict=True)
        ]
        for at, text in enumerate(texts):
            number += 1
            if text:
                yield Row(number, text, tuple(one[at] for one in values))


def _with_name(value: Any, names: tuple[str, ...]) -> Any:
    if isinstance(value, list):
        return [_with_name(one, names) for one in value]
    named = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names)
    return names[value] if named else value


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _rows_a_batch(metadata: Any) -> int:
    """Rows for about 8 MiB, by the size of all columns together: pyarrow aborts the process where the metadata of a single column is damaged."""
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    rows = sum(int(group.num_rows) for group in groups)
    size = sum(int(group.total_byte_size) for group in groups)
    return max(1, min(_BATCH_ROWS, _BATCH_BYTES * rows // max(size, 1)))
