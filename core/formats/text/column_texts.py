"""Opens a plain text file, and finds whether it is in CoNLL layout."""

import itertools
from collections.abc import Iterator

from core.formats.containers.source import Source
from core.formats.names import Kind
from core.formats.text.column_files import HEAD_CHARACTERS, Sentence, documents, is_column_file, sentences
from core.formats.text.decode import decode, lines
from core.formats.text.sources import TextSource


def open_text(source: TextSource) -> Iterator[str]:
    """The text of a file in pieces. Sets ``source.reading.in_columns``.

    A file is in CoNLL layout if its name or the columns asked for say so, otherwise if its first lines are.

    Raises:
        FormatError: as `decode` does.
    """
    reading = source.reading
    opened = Source(source.stream, source.format.compression, reading.place, source.budget)
    texts = decode(opened.chunks(), reading.place)
    if source.format.kind is Kind.CONLL or source.columns is not None:
        reading.in_columns = True
        return texts
    head: list[str] = []
    characters = 0
    for text in texts:
        head.append(text)
        characters += len(text)
        if characters >= HEAD_CHARACTERS:
            break
    reading.in_columns = is_column_file("".join(head)[:HEAD_CHARACTERS])
    return itertools.chain(head, texts)


def read_sentences(source: TextSource, texts: Iterator[str], *, tags: bool) -> Iterator[Sentence]:
    """The sentences of a file in CoNLL layout, from what `open_text` returned."""
    place, limit = source.reading.place, source.reading.limits.document_characters
    return sentences(lines(texts, place, limit, "bad_columns"), place, source.columns, tags=tags)


def words_as_text(source: TextSource, texts: Iterator[str]) -> Iterator[str]:
    """The documents of a file in CoNLL layout as plain text."""
    return documents(read_sentences(source, texts, tags=False))
