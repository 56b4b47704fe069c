"""Appends the token ids of one split to disk, and records how far they are, so that another process can resume."""

from array import array
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray


class Position(NamedTuple):
    """How far a split is written."""

    tokens: int = 0
    documents: int = 0
    open: int = 0
    """Tokens of the document that is not complete yet."""


class Writer(Protocol):
    """Takes what an encoder gives for the documents of a split, one after the other."""

    def add(self, encoded: NDArray[Any], /) -> None:
        """Append to the current document."""

    def end_document(self) -> None:
        """End the current document."""

    def flush(self) -> None:
        """Write what was added to the operating system."""


class TokenWriter:
    """The ``.bin`` and ``.offsets`` of one split, continued at ``position``. Anything written after it is cut off."""

    def __init__(
        self, directory: Path, split: str, dtype: np.dtype[Any], separator: int, position: Position
    ) -> None:
        self.dtype = dtype
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
        """The current position, with what is not flushed yet."""
        return Position(self._tokens, self._documents, self._open)

    def add(self, ids: NDArray[Any]) -> None:
        """Append ids to the current document."""
        self._waiting.append(ids)
        self._tokens += len(ids)
        self._open += len(ids)

    def end_document(self) -> None:
        """End the current document with a separator. A document without tokens gets none."""
        if self._open:
            self._waiting.append(self._separator)
            self._tokens += 1
        self._open = 0
        self._documents += 1
        self._ends.append(self._tokens)

    def flush(self) -> None:
        """Write what was added to the operating system."""
        if self._waiting:
            self._ids.write(np.concatenate(self._waiting).tobytes())
        self._offsets.write(self._ends.tobytes())
        self._ids.flush()
        self._offsets.flush()
        self._waiting = []
        self._ends = array("Q")


def token_type(vocabulary_size: int) -> np.dtype[np.uint16 | np.uint32]:
    """The type of token ids on disk."""
    return np.dtype(np.uint16 if vocabulary_size <= 1 << 16 else np.uint32)


def _continued(path: Path, size: int) -> Any:
    """The file, truncated or extended with zeros to ``size`` bytes, opened for appending."""
    file = path.open("ab")
    file.truncate(size)
    return file
