"""Reads documents from CSV and TSV: a header line, then one document for each row."""

import csv
import itertools
from collections.abc import Callable, Iterator

from core.formats.errors import Place
from core.formats.tables.columns import choose_column, expect_one, repeated_columns, single_columns
from core.formats.tables.dialect import (
    SAMPLE_CHARACTERS,
    SAMPLE_LINES,
    Dialect,
    find_delimiter,
    find_quoting,
)
from core.formats.tables.first_rows import Counted, first_rows
from core.formats.tables.reading import Reading, Row


def csv_rows(lines: Iterator[str], reading: Reading) -> Iterator[Row]:
    """The rows, their text from the column that ``reading`` names. An empty field is no document.

    The dialect is found by `core.formats.tables.dialect`, except for what ``reading`` sets.

    Raises:
        FormatError: ``bad_csv`` with the line's number; ``no_text_column``.
    """
    place = reading.place
    # The csv module has one limit for the whole process; `_LimitedLines` checks each record against this reader's own.
    csv.field_size_limit(max(reading.limits.document_characters, csv.field_size_limit()))
    counted = Counted(lines)
    rows = _Rows(iter(counted), reading).read()
    first_row = next(rows, None)
    if first_row is None:
        return
    names = [name.strip() for name in first_row[1]]
    sample = first_rows(rows, counted)
    # CSV holds only strings, so a column of numbers is text too where it has the name "text" or is the only one.
    columns = {name: name in (reading.preferred or ("text",)) or len(names) == 1 for name in names}
    for _, row in sample:
        for name, field in zip(names, row, strict=True):
            columns[name] = columns[name] or (bool(field.strip()) and not _is_number(field))
    first = {name: index for index, name in reversed(list(enumerate(names)))}
    held = {
        name: "numbers" if any(row[first[name]].strip() for _, row in sample) else "only empty fields"
        for name, is_text in columns.items()
        if not is_text
    }
    column = choose_column(columns, reading.text_column, place, held=held, preferred=reading.preferred)
    expect_one(column, names, place, "bad_csv")
    reading.use_column(column, single_columns(names))
    reading.notes += repeated_columns(names)
    reading.repeated = frozenset(names) - frozenset(single_columns(names))
    index = names.index(column)
    others = reading.further([name for name in dict.fromkeys(names) if name != column])
    for name in others:
        expect_one(name, names, place, "bad_csv")
    further = [names.index(name) for name in others]
    for line, row in itertools.chain(sample, rows):
        yield Row(line, row[index], tuple(row[at] for at in further))


class _Rows:
    """The records that are not empty, the header first, each with its last line. Each has as many fields as the header."""

    def __init__(self, lines: Iterator[str], reading: Reading) -> None:
        self._lines = lines
        self._reading = reading
        self._width = 0
        self._before = 0
        """Lines that were read before the first line of the current csv reader."""

    def read(self) -> Iterator[tuple[int, list[str]]]:
        first = next((line for line in self._counted() if not line.isspace() and line), None)
        if first is None:
            return
        self._before -= 1
        quote = self._reading.options.quote
        sample, complete = self._sample(first)
        dialect = find_delimiter(
            sample, complete=complete, delimiter=self._reading.options.delimiter, quote=quote
        )
        self._reading.use_dialect(dialect)
        lines = itertools.chain(sample, self._lines)
        if quote is None:
            # Until a field begins with a quote, the way of quoting cannot be found.
            opens = dialect.opener()
            plain = _LinesUntil(lines, opens)
            yield from self._records(plain, dialect)
            if plain.stopped_at is None:
                return
            sample, complete = self._sample(plain.stopped_at, lines)
            dialect = find_quoting(sample, dialect, width=self._width or None, complete=complete, quote=None)
            self._reading.use_dialect(dialect)
            lines = itertools.chain(sample, lines)
        yield from self._records(lines, dialect)

    def _counted(self) -> Iterator[str]:
        for line in self._lines:
            self._before += 1
            yield line

    def _sample(self, first: str, lines: Iterator[str] | None = None) -> tuple[list[str], bool]:
        """A line and some lines after it, and whether the table ends with them."""
        source = self._lines if lines is None else lines
        taken, characters = [first], len(first)
        while len(taken) < SAMPLE_LINES and characters < SAMPLE_CHARACTERS:
            line = next(source, None)
            if line is None:
                return taken, True
            taken.append(line)
            characters += len(line)
        return taken, False

    def _records(self, lines: Iterator[str], dialect: Dialect) -> Iterator[tuple[int, list[str]]]:
        place = self._reading.place
        limited = _LimitedLines(lines, self._reading.limits.document_characters, place, self._before)
        reader = dialect.reader(limited)
        hint = (
            f"the file is {dialect.description}: if that is wrong, set `delimiter` and `quote` with the upload "
            "(quote `none` where quotes have no special meaning)"
        )
        try:
            for row in reader:
                limited.taken = 0
                if not row:
                    continue
                self._width = self._width or len(row)
                if len(row) != self._width:
                    raise place.error(
                        "bad_csv",
                        f"the record that ends at line {self._before + reader.line_num:,} has {len(row)} fields and the "
                        f"header {self._width}; put fields that hold the delimiter, quotes or line ends in double "
                        f"quotes; {hint}",
                        case="fields",
                        line=self._before + reader.line_num,
                        fields=len(row),
                        header_fields=self._width,
                        dialect=dialect.description,
                    )
                yield self._before + reader.line_num, row
        except csv.Error as error:
            line = self._before + reader.line_num
            raise place.error(
                "bad_csv",
                f"line {line:,}: {error}; {hint}",
                case="line",
                line=line,
                error=error,
                dialect=dialect.description,
            ) from None
        self._before += reader.line_num


class _LinesUntil:
    """Lines before the first line for which ``ends`` is true. That line is kept in ``stopped_at``."""

    def __init__(self, lines: Iterator[str], ends: Callable[[str], bool]) -> None:
        self._lines = lines
        self._ends = ends
        self.stopped_at: str | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        if self._ends(line):
            self.stopped_at = line
            raise StopIteration
        return line


class _LimitedLines:
    """Lines for ``csv.reader``. Counts the characters of the current record."""

    def __init__(self, lines: Iterator[str], limit: int, place: Place, before: int) -> None:
        self._lines = lines
        self._limit = limit
        self._place = place
        self._before = before
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._lines, self._before + 1):
            self.taken += len(line) + 1
            if self.taken > self._limit:
                raise self._place.error(
                    "bad_csv",
                    f"line {number:,}: its record is longer than {self._limit:,} characters; "
                    "is a quote left open before it?",
                    case="long_record",
                    line=number,
                    most_characters=self._limit,
                )
            yield line + "\n"


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return field.strip().lower() in {"true", "false"}
    return True
