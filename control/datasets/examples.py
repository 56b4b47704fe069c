"""Examples of a dataset's files (documents or thumbnails) for previews: made at inspection, of bounded size, stored as a column."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from control.datasets.schemas import DatasetPreview, PreviewDocument

NONE: Mapping[str, Any] = {}
"""The examples of a file that has none."""


def encoded(examples: Mapping[str, Any]) -> bytes:
    """The bytes that the row holds. The database's JSON is not used, because it takes no NUL, which documents may contain."""
    return json.dumps(examples, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def decoded(stored: bytes | None) -> dict[str, Any]:
    """What `encoded` was given."""
    found: dict[str, Any] = json.loads(stored) if stored else {}
    return found


def preview(
    files: Iterable[tuple[str, Mapping[str, Any]]], *, readable: int, documents: int, characters: int
) -> DatasetPreview:
    """The beginnings of the first documents, taken evenly from the files.

    Args:
        files: Each one's name and examples, read no further than they are needed.
        readable: How many there are.
    """
    left = documents
    shown: list[PreviewDocument] = []
    for position, (name, examples) in enumerate(files):
        share = -(-left // max(1, readable - position))
        for index, document in enumerate(itertools.islice(examples.get("documents", ()), share)):
            text = document["text"][:characters]
            shown.append(
                PreviewDocument(file=name, index=index, text=text, characters=document["characters"])
            )
            left -= 1
        if left <= 0:
            break
    return DatasetPreview(documents=shown)


def evenly(files: Iterable[Mapping[str, Any]], count: int, wanted: int) -> Iterator[str]:
    """At most ``wanted`` of the files' thumbnails: the first of each file, then the second, and so on.

    Args:
        count: How many files there are.
    """
    each = 2 * -(-wanted // max(1, count)) + _SPARE
    kept = [list(itertools.islice(examples.get("thumbnails", ()), each)) for examples in files]
    taken = itertools.chain.from_iterable(itertools.zip_longest(*kept))
    return itertools.islice((one for one in taken if one), wanted)


_SPARE = 8
"""More of each file than its share, in the place of those that other files lack."""
