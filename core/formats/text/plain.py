"""Splits plain text into documents.

A text file has no marks between documents, so one rule cuts it. The rule keeps neighbouring paragraphs together (as
context), and cuts a single file into enough documents for a held-out split:

- a form feed always ends a document;
- a blank line ends a document of at least ``MIN_CHARACTERS``;
- a document that reaches ``MAX_CHARACTERS`` without either ends at the last line end before that, else at the last
  space, else exactly there.

Documents keep the order of the text. Whitespace around them is removed, and a document of only whitespace is dropped.
The rule only looks forward: text that is added at the end of a file changes no document except the last.
"""

import re
from collections.abc import Iterable, Iterator

MIN_CHARACTERS = 2_000
MAX_CHARACTERS = 16_000
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


def split_text(texts: Iterable[str]) -> Iterator[str]:
    """The documents of a text that comes in pieces. The borders between pieces do not change the result."""
    buffer = ""
    for text in texts:
        buffer += text
        start = 0
        while len(buffer) - start > MAX_CHARACTERS:
            end = _end_of_document(buffer, start)
            if document := buffer[start:end].strip():
                yield document
            start = end
        buffer = buffer[start:]
    start = 0
    while start < len(buffer):
        end = _end_of_document(buffer, start)
        if document := buffer[start:end].strip():
            yield document
        start = end


def _end_of_document(text: str, start: int) -> int:
    enough = start + MIN_CHARACTERS
    most = start + MAX_CHARACTERS
    blank = _BLANK_LINE.search(text, enough, most)
    feed = text.find("\f", start, blank.start() if blank else most)
    if feed >= 0:
        return feed + 1
    if blank:
        return blank.end()
    if len(text) <= most:
        return len(text)
    for mark in "\n ":
        if (last := text.rfind(mark, enough, most)) >= 0:
            return last + 1
    return most
