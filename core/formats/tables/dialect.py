"""Finds the dialect of a CSV file (delimiter, quotes, escapes) by reading its first lines in each dialect.

Python's `csv` module reads the lines. Its `csv.Sniffer` is not used: it guesses from how often characters occur, and is
wrong for columns of prose.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

NO_QUOTE = "none"
"""Quote characters have no special meaning, and no field contains a delimiter or a line end."""
QUOTES = ('"', "'", NO_QUOTE)
DELIMITERS = ",;\t|"
DELIMITER_PATTERN = r"""^(tab|[^A-Za-z0-9"'\\\x00-\x08\x0a-\x1f\x7f])$"""
"""The form in which a request names a delimiter: a single character, or the word ``tab``."""
SAMPLE_LINES = 1000
SAMPLE_CHARACTERS = 1 << 20

_BARE_QUOTES = "\t|"
"""Delimiters that are rare in prose, so that files with them often have no quotes."""
_SWALLOWED_LINES = 50


@dataclass(frozen=True)
class Dialect:
    """How lines are read as records."""

    delimiter: str = ","
    quote: str = '"'
    """The quote character around fields, or `NO_QUOTE`."""
    escaped: bool = False
    """Whether a quote inside a field may be escaped by a backslash, beside being doubled (RFC 4180)."""
    spaced: bool = False
    """Whether spaces after a delimiter are skipped."""

    def reader(self, lines: Iterable[str]) -> "csv._reader":  # type: ignore[name-defined]
        """Records of lines that end in a line feed."""
        plain = self.quote == NO_QUOTE
        return csv.reader(
            lines,
            delimiter=self.delimiter,
            quotechar=None if plain else self.quote,
            quoting=csv.QUOTE_NONE if plain else csv.QUOTE_MINIMAL,
            doublequote=True,
            escapechar="\\" if self.escaped and not plain else None,
            skipinitialspace=self.spaced,
            strict=True,
        )

    def opener(self) -> Callable[[str], bool]:
        """A test whether a field of a line begins with a quote. Until one does, all ways of quoting read the lines alike."""
        quote = '"' if self.quote == NO_QUOTE else self.quote
        begins = re.compile(rf"(?:^|{re.escape(self.delimiter)}) *{re.escape(quote)}").search
        return lambda line: quote in line and begins(line) is not None

    @property
    def description(self) -> str:
        """The dialect in words, for an error message."""
        return f"read with {_name(self.delimiter)} between fields and {_quote(self.quote)}"


def named_delimiter(name: str | None) -> str | None:
    """The delimiter for a name that matches `DELIMITER_PATTERN`."""
    return "\t" if name == "tab" else name


def _name(delimiter: str) -> str:
    return {"\t": "a tab", " ": "a space"}.get(delimiter, repr(delimiter))


def _quote(quote: str) -> str:
    return "no quotes" if quote == NO_QUOTE else f"quotes {quote}"


def find_delimiter(
    sample: Sequence[str], *, complete: bool, delimiter: str | None, quote: str | None
) -> Dialect:
    """The dialect of a table by its first lines, where ``delimiter`` and ``quote`` are fixed if given.

    A dialect fits if all records have as many fields as the header, and at least two. Of the dialects that fit, the
    result is the one with the fewest quotes inside fields, then with the most fields. If none fits, the delimiter is the
    one that occurs most often in the header.

    Args:
        complete: Whether the sample is the whole table.
    """
    trials = []
    for rank, mark in enumerate(delimiter or DELIMITERS):
        for order, dialect in enumerate(_quotings(mark, quote)):
            trial = _try(sample, dialect, complete=complete)
            if trial is not None and trial.width > 1:
                trials.append((trial.stray, -trial.width, rank, order, dialect))
    if trials:
        return min(trials, key=lambda one: one[:4])[4]
    best = delimiter or max(DELIMITERS, key=_outside_quotes(sample[0]).count)
    return find_quoting(sample, Dialect(best), width=None, complete=complete, quote=quote)


def find_quoting(
    sample: Sequence[str], dialect: Dialect, *, width: int | None, complete: bool, quote: str | None
) -> Dialect:
    """``dialect`` with the way of quoting that reads the sample as records of ``width`` fields; its first line has a quote.

    If no way of quoting does, the one of RFC 4180.
    """
    trials = []
    for order, candidate in enumerate(_quotings(dialect.delimiter, quote)):
        trial = _try(sample, candidate, complete=complete, width=width)
        if trial is not None:
            trials.append((trial.stray, order, candidate))
    if trials:
        return min(trials, key=lambda one: one[:2])[2]
    return replace(dialect, quote=quote or '"')


def _quotings(delimiter: str, quote: str | None) -> Iterator[Dialect]:
    if quote != NO_QUOTE:
        for escaped in (False, True):
            for spaced in (False, True) if delimiter != " " else (False,):
                yield Dialect(delimiter, quote or '"', escaped, spaced)
    if quote == NO_QUOTE or (quote is None and delimiter in _BARE_QUOTES):
        yield Dialect(delimiter, NO_QUOTE)


@dataclass(frozen=True)
class _Trial:
    width: int
    stray: int
    """Fields with a quote inside them."""


def _try(
    sample: Sequence[str], dialect: Dialect, *, complete: bool, width: int | None = None
) -> _Trial | None:
    """The result of reading the sample in a dialect; None where the dialect does not fit."""
    reader = dialect.reader(f"{line}\n" for line in sample)
    stray = read = 0
    try:
        for row in reader:
            read = reader.line_num
            if not row:
                continue
            width = width or len(row)
            if len(row) != width:
                return None
            stray += sum('"' in field for field in row)
    except csv.Error:
        # A record that goes on after the sample may be a long text, or an opening quote without a closing one.
        swallowed = len(sample) - read
        if complete or reader.line_num < len(sample) or swallowed > _SWALLOWED_LINES:
            return None
    return _Trial(width or 0, stray)


def _outside_quotes(line: str) -> str:
    return re.sub(r'"[^"]*"', "", line)
