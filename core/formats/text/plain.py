"""Documents in plain text.

A text file carries no mark between documents, so it is cut by one rule, which keeps neighbours together
(context) yet gives a single file enough documents for a held-out part:

- a form feed always ends a document;
- a blank line ends it once it has ``MIN_CHARACTERS``;
- with neither until ``MAX_CHARACTERS``, it ends at the last line end before that, else at the last space,
  else right there.

Documents keep the text's order; whitespace around them is dropped, and what is only whitespace is none.
The rule looks forward only: text added at the end changes no document but the last.
"""

import re
from collections.abc import Iterable, Iterator

MIN_CHARACTERS = 2_000
MAX_CHARACTERS = 16_000
_BLANK_LINE = re.compile(r"\n[ \t]*\n")


def split_text(texts: Iterable[str]) -> Iterator[str]:
    """Documents of a text that comes in pieces; where the pieces are cut makes no difference."""
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
