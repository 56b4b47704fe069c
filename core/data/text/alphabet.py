"""The characters of a corpus, counted."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import numpy as np

_CODE_POINTS = 0x110000
_BATCH_CHARACTERS = 4 << 20


def most_frequent(texts: Iterable[str], normalize: Callable[[str], str], limit: int) -> list[str]:
    """The ``limit`` most frequent characters after ``normalize``, without whitespace, in code point order.

    Ties go to the lower code point, so that the result depends on the texts alone. ``normalize`` is asked
    for each different character once, which is right for normalizers that look at one character at a time.
    """
    counts = np.zeros(_CODE_POINTS, dtype=np.int64)
    for batch in _batches(texts):
        counts += np.bincount(
            np.frombuffer(batch.encode("utf-32-le"), dtype=np.uint32), minlength=_CODE_POINTS
        )
    normalized: Counter[str] = Counter()
    for point in np.flatnonzero(counts):
        for character in normalize(chr(point)):
            if not character.isspace():
                normalized[character] += int(counts[point])
    ranked = sorted(normalized, key=lambda character: (-normalized[character], character))
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
