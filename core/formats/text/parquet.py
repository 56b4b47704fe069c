"""Reads documents from Parquet: one column of strings."""

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from core.formats.containers.source import Uncloseable
from core.formats.limits import Budget
from core.formats.tables.columns import choose_column, expect_one, not_text, repeated_columns, single_columns
from core.formats.tables.reading import Reading

_BATCH_BYTES = 8 << 20
_BATCH_ROWS = 4096


def parquet_documents(stream: BinaryIO, reading: Reading, budget: Budget) -> Iterator[str]:
    """The strings in the column that ``reading`` names, without nulls. At most 4096 rows are in memory at a time.

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
        column = choose_column(columns, reading.text_column, place, held=held)
        if not columns[column]:
            raise not_text(column, str(types[column])[:80], list(types), place)
        names = file.schema_arrow.names
        expect_one(column, names, place, "bad_parquet")
        reading.use_column(column, (name for name in single_columns(names) if columns[name]))
        reading.notes += repeated_columns(names)
        batches = file.iter_batches(_rows_a_batch(file.metadata), columns=[column], use_threads=False)
        for batch in batches:
            texts = [text for text in batch.column(0).to_pylist() if text]
            budget.spend(sum(map(len, texts)), place)
            yield from texts
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
