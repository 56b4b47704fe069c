"""Reads files in CoNLL layout: one word a line in columns, blank lines between sentences, ``-DOCSTART-`` between documents.

Columns are separated by a tab each, where the first line with a word has one, otherwise by blanks. All lines with words have
the same number of columns. A line before a sentence that begins with ``#`` and a blank and is no word with a tag is a comment.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from core.formats.errors import Place, printable
from core.formats.text.plain import MAX_CHARACTERS, MIN_CHARACTERS
from core.formats.text.tag_schemes import is_tag
from core.spec.text_data import ColumnFileSpec

HEAD_CHARACTERS = 1 << 16
"""Characters at the beginning of a file by which its layout is recognised."""

SENTENCE_WORDS = 100_000
"""Words of a sentence, at most: it is encoded as a whole."""

_LEAST_WORDS = 3
_SHARE = 0.9
"""Share of the lines that must have a word and a tag. A broken line of a file in this layout is then an error that names it,
and does not turn the file into prose."""
_DOCUMENT = "-DOCSTART-"
_MARKS = ("#begin document", "#end document")
"""Lines around documents in CoNLL-2012, also directly after a word."""
_BLANKS = re.compile(r"[ \t]+")
_AS_FOUND = ColumnFileSpec()


@dataclass(frozen=True, slots=True)
class Sentence:
    """The words between two blank lines."""

    words: tuple[str, ...]
    tags: tuple[str, ...] | None
    """As written. None where a word has an empty field instead of a tag, or the tags were not asked for."""
    line: int
    """Line of its first word, from 1."""
    begins_document: bool
    """Whether there is a ``-DOCSTART-`` before it."""


def is_column_file(head: str) -> bool:
    """Whether the first lines of a file are words with tags: of 90 % of them the last column is a tag of BIO or BIOES, and
    of at least one it is ``O``.

    Args:
        head: The first characters of the file, of at least `HEAD_CHARACTERS` the last line without its end.
    """
    lines = head.split("\n")
    if len(head) >= HEAD_CHARACTERS:
        lines.pop()
    counted = outside = words = 0
    delimiter: str | None = None
    begins = True
    for line in lines:
        if not line or line.isspace() or line.startswith(_MARKS):
            begins = True
            continue
        fields = _split(line, delimiter)
        if fields[0].startswith(_DOCUMENT) or (begins and _is_comment(line, fields)):
            continue
        begins = False
        counted += 1
        if delimiter is None:
            delimiter = _delimiter(line)
            fields = _split(line, delimiter)
        if len(fields) > 1 and is_tag(fields[-1]):
            words += 1
            outside += fields[-1] == "O"
    return words >= _LEAST_WORDS and words >= _SHARE * counted and outside > 0


def sentences(
    lines: Iterable[str], place: Place, columns: ColumnFileSpec | None, *, tags: bool
) -> Iterator[Sentence]:
    """The sentences of a file, in order.

    Args:
        columns: None: the word in the first column, the tag in the last.
        tags: Whether tags are read; without them a file may have a single column.

    Raises:
        FormatError: ``bad_columns`` with the line, where the number of columns changes or a column is not there.
    """
    reader = _Reader(place, columns or _AS_FOUND, tags=tags)
    for number, line in enumerate(lines, 1):
        if (sentence := reader.take(number, line)) is not None:
            yield sentence
    if (sentence := reader.end()) is not None:
        yield sentence


def documents(found: Iterable[Sentence]) -> Iterator[str]:
    """The sentences as plain text: words joined by blanks, one sentence a line.

    Documents end at ``-DOCSTART-``. In a file without it a document ends with the sentence that fills 2,000 characters, like
    paragraphs of plain text.
    """
    waiting: list[str] = []
    length, marked = 0, False
    for sentence in found:
        marked = marked or sentence.begins_document
        enough = MAX_CHARACTERS if marked else MIN_CHARACTERS
        if waiting and (sentence.begins_document or length >= enough):
            yield "\n".join(waiting)
            waiting, length = [], 0
        waiting.append(" ".join(sentence.words))
        length += len(waiting[-1]) + 1
    if waiting:
        yield "\n".join(waiting)


class _Reader:
    """Collects the words of one sentence after the other."""

    def __init__(self, place: Place, columns: ColumnFileSpec, *, tags: bool) -> None:
        self._place = place
        self._columns = columns
        self._tags_are_read = tags
        self._delimiter: str | None = None
        self._width = self._first = 0
        self._words: list[str] = []
        self._tags: list[str] = []
        self._line = 0
        self._begins = False

    def take(self, number: int, line: str) -> Sentence | None:
        """Read the next line. Returns the sentence that ends before it."""
        if not line or line.isspace() or line.startswith(_MARKS):
            return self.end()
        fields = _split(line, self._delimiter)
        if fields[0].startswith(_DOCUMENT):
            ended = self.end()
            self._begins = True
            return ended
        if not self._words and _is_comment(line, fields):
            return None
        if self._delimiter is None:
            self._delimiter = _delimiter(line)
            fields = _split(line, self._delimiter)
            self._width, self._first = len(fields), number
            self._check_columns(number)
        if len(fields) != self._width:
            self._refuse_width(number, fields)
        self._add(number, fields)
        return None

    def end(self) -> Sentence | None:
        """The sentence that ends here, if there is one."""
        if not self._words:
            return None
        tags = tuple(self._tags) if self._tags_are_read and all(self._tags) else None
        ended = Sentence(tuple(self._words), tags, self._line, self._begins)
        self._words, self._tags, self._begins = [], [], False
        return ended

    def _add(self, number: int, fields: list[str]) -> None:
        word = fields[self._columns.token]
        if not word or word.isspace():
            raise self._place.error(
                "bad_columns",
                f"line {number:,}: the column of words is empty; write a word there, or leave the line out",
                case="no_word",
                line=number,
            )
        self._line = self._line if self._words else number
        if len(self._words) == SENTENCE_WORDS:
            raise self._place.error(
                "bad_columns",
                f"line {number:,}: the sentence that begins in line {self._line:,} has more than {SENTENCE_WORDS:,} words; "
                "separate sentences by blank lines",
                case="long_sentence",
                line=number,
                first_line=self._line,
                limit=SENTENCE_WORDS,
            )
        self._words.append(word)
        if self._tags_are_read:
            self._tags.append(fields[self._columns.tag].strip())

    def _check_columns(self, number: int) -> None:
        wanted = {"token": self._columns.token} | ({"tag": self._columns.tag} if self._tags_are_read else {})
        for name, column in wanted.items():
            if not -self._width <= column < self._width:
                raise self._place.error(
                    "bad_columns",
                    f"line {number:,} has {self._width} column{'' if self._width == 1 else 's'}, and data.text.columns.{name} "
                    f"is {column}; name one from 0 to {self._width - 1}, or from the end by -1 and so on",
                    case="no_such_column",
                    line=number,
                    columns=self._width,
                    field=name,
                    column=column,
                )
        if len({column % self._width for column in wanted.values()}) < len(wanted):
            raise self._place.error(
                "bad_columns",
                f"line {number:,}: words and tags would be read from the same one of its {self._width} column"
                f"{'' if self._width == 1 else 's'}; each line needs a word and a tag",
                case="one_column",
                line=number,
                columns=self._width,
            )

    def _refuse_width(self, number: int, fields: list[str]) -> None:
        apart = "tabs" if self._delimiter == "\t" else "blanks"
        raise self._place.error(
            "bad_columns",
            f"line {number:,} has {len(fields)} column{'' if len(fields) == 1 else 's'} separated by {apart} "
            f"({printable(' '.join(fields)[:60])!r}), and line {self._first:,} has {self._width}; every line with a word needs "
            "as many",
            case="columns_change",
            line=number,
            columns=len(fields),
            delimiter=apart,
            fields=fields[:20],
            first_line=self._first,
            first_columns=self._width,
        )


def _delimiter(line: str) -> str:
    return "\t" if "\t" in line.rstrip() else " "


def _split(line: str, delimiter: str | None) -> list[str]:
    if (delimiter or _delimiter(line)) == "\t":
        return line.split("\t")
    return _BLANKS.split(line.strip(" \t"))


def _is_comment(line: str, fields: list[str]) -> bool:
    """Whether a line before a sentence is a comment: ``# id 7``, but not the words ``#tag`` and ``#`` with their tags."""
    return line.startswith("# ") and not (len(fields) > 1 and is_tag(fields[-1]))
