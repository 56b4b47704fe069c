"""Counts the characters of a corpus."""

from collections.abc import Iterable, Iterator

import numpy as np

_CODE_POINTS = 0x110000
_BATCH_CHARACTERS = 4 << 20


def most_frequent(texts: Iterable[str], limit: int, *, whitespace: bool = True) -> list[str]:
    """The ``limit`` most frequent characters, in code point order.

    Of characters with equal counts the lower code point is taken, so that the result depends only on the texts.
    """
    counts = np.zeros(_CODE_POINTS, dtype=np.int64)
    for batch in _batches(texts):
        counts += np.bincount(
            np.frombuffer(batch.encode("utf-32-le"), dtype=np.uint32), minlength=_CODE_POINTS
        )
    found = [chr(point) for point in np.flatnonzero(counts)]
    characters = [character for character in found if whitespace or not character.isspace()]
    ranked = sorted(characters, key=lambda character: (-counts[ord(character)], character))
    return sorted(ranked[:limit])


def _batches(texts: Iterable[str]) -> Iterator[str]:
    batch: list[str] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text)
        if size >= _BATCH_CHARACTERS:
            yield "".join(batch)
            batch, size = [], 0
    yield "".join(batch)
