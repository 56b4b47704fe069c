"""One part's token ids on disk, appended to; and how far they got, so that a later process can go on."""

from array import array
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray


class Position(NamedTuple):
    """How far a part is written."""

    tokens: int = 0
    documents: int = 0
    open: int = 0
    """Tokens of the document that is not closed yet."""


class TokenWriter:
    """One part's ``.bin`` and ``.offsets``, continued at ``position``; what was written behind it is cut off."""

    def __init__(
        self, directory: Path, split: str, dtype: np.dtype[Any], separator: int, position: Position
    ) -> None:
        self._separator = np.array([separator], dtype)
        self._ids = _continued(directory / f"{split}.bin", position.tokens * dtype.itemsize)
        self._offsets = _continued(directory / f"{split}.offsets", 8 * (position.documents + 1))
        self._tokens, self._documents, self._open = position
        self._waiting: list[NDArray[Any]] = []
        self._ends = array("Q")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ids.close()
        self._offsets.close()

    @property
    def position(self) -> Position:
        """So far, with what waits to be flushed."""
        return Position(self._tokens, self._documents, self._open)

    def add(self, ids: NDArray[Any]) -> None:
        """Appends to the document that is open."""
        self._waiting.append(ids)
        self._tokens += len(ids)
        self._open += len(ids)

    def end_document(self) -> None:
        """Closes the document with a separator; one that came to no token has none."""
        if self._open:
            self._waiting.append(self._separator)
            self._tokens += 1
        self._open = 0
        self._documents += 1
        self._ends.append(self._tokens)

    def flush(self) -> None:
        """Hands what was added to the system."""
        if self._waiting:
            self._ids.write(np.concatenate(self._waiting).tobytes())
        self._offsets.write(self._ends.tobytes())
        self._ids.flush()
        self._offsets.flush()
        self._waiting = []
        self._ends = array("Q")


def _continued(path: Path, size: int) -> Any:
    """The file, cut or filled with zeros to ``size`` bytes, to be appended to."""
    file = path.open("ab")
    file.truncate(size)
    return file
