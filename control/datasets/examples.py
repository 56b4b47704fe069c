"""Examples of a dataset's files (documents or thumbnails) for previews: made at inspection, of bounded size, stored as a column."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from control.datasets.schemas import DatasetPreview, PreviewDocument

NONE: Mapping[str, Any] = {}
"""The examples of a file that has none."""


def encoded(examples: Mapping[str, Any]) -> bytes:
    """Encode examples as the bytes that the row stores. Not the database's JSON type, because it rejects NUL, which documents may contain."""
    return json.dumps(examples, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def decoded(stored: bytes | None) -> dict[str, Any]:
    """Decode what `encoded` returned."""
    found: dict[str, Any] = json.loads(stored) if stored else {}
    return found


def preview(
    files: Iterable[tuple[str, Mapping[str, Any]]], *, readable: int, documents: int, characters: int
) -> DatasetPreview:
    """The beginnings of documents, taken evenly from the files.

    Args:
        files: Name and examples of each file, read only as far as needed.
        readable: Number of files.
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
        count: Number of files.
    """
    each = 2 * -(-wanted // max(1, count)) + _SPARE
    kept = [list(itertools.islice(examples.get("thumbnails", ()), each)) for examples in files]
    taken = itertools.chain.from_iterable(itertools.zip_longest(*kept))
    return itertools.islice((one for one in taken if one), wanted)


_SPARE = 8
"""Further examples of each file, used if other files have fewer than their share."""
