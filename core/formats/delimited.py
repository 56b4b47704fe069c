"""Documents in CSV and TSV: a header line, then one document a row."""

import csv
import itertools
from collections.abc import Iterator

from core.formats.columns import choose_column
from core.formats.errors import Place
from core.formats.reading import Reading

_SAMPLE = 64
_DELIMITERS = ",;\t|"


def csv_documents(lines: Iterator[str], reading: Reading) -> Iterator[str]:
    """The text of each row, by ``reading``'s column; an empty field is no document.

    The delimiter is what the header line holds most of: comma, semicolon, tab or bar.

    Raises:
        FormatError: ``bad_csv`` with the line's number; ``no_text_column``.
    """
    place = reading.place
    limit = reading.limits.document_characters
    # The csv module has one limit for the whole process; ``_Feed`` holds each record to the reader's own.
    csv.field_size_limit(max(limit, csv.field_size_limit()))
    feed = _Feed(lines, limit, place)
    rows = _rows(feed, place)
    header = next(rows, None)
    if header is None:
        return
    names = [name.strip() for name in header]
    sample = list(itertools.islice(rows, _SAMPLE))
    # All that a CSV holds are strings: by its name or as the only one, a column of numbers is text too.
    columns = {name: name == "text" or len(names) == 1 for name in names}
    for row in sample:
        for name, field in zip(names, row, strict=True):
            columns[name] = columns[name] or (bool(field.strip()) and not _is_number(field))
    column = reading.use_column(choose_column(columns, reading.text_column, place))
    index = names.index(column)
    for row in itertools.chain(sample, rows):
        yield row[index]


class _Feed:
    """Lines for ``csv.reader``, and how much of them one record has taken."""

    def __init__(self, lines: Iterator[str], limit: int, place: Place) -> None:
        self._lines = lines
        self._limit = limit
        self._place = place
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        for number, line in enumerate(self._lines, 1):
            self.taken += len(line) + 1
            if self.taken > self._limit:
                raise self._place.error(
                    "bad_csv",
                    f"line {number:,}: its record is longer than {self._limit:,} characters; "
                    "is a quote left open before it?",
                )
            yield line + "\n"


def _rows(feed: _Feed, place: Place) -> Iterator[list[str]]:
    """Records that are not empty, the header first; each as wide as the header."""
    source = iter(feed)
    first = next((line for line in source if not line.isspace()), None)
    if first is None:
        return
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.reader(itertools.chain([first], source), delimiter=delimiter, strict=True)
    width = 0
    try:
        for row in reader:
            feed.taken = 0
            if not row:
                continue
            width = width or len(row)
            if len(row) != width:
                raise place.error(
                    "bad_csv",
                    f"the record that ends at line {reader.line_num:,} has {len(row)} fields and the header "
                    f"{width}; put fields that hold the delimiter, quotes or line ends in double quotes",
                )
            yield row
    except csv.Error as error:
        raise place.error("bad_csv", f"line {reader.line_num:,}: {error}") from None


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return field.strip().lower() in {"true", "false"}
    return True
