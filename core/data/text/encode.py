"""From documents to token ids on disk, some megabytes at a time."""

from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from tokenizers import Tokenizer

_PIECE_CHARACTERS = 1 << 20
_BATCH_CHARACTERS = 2 << 20


class TokenWriter:
    """One part's ``.bin`` and ``.offsets``."""

    def __init__(self, directory: Path, split: str, dtype: np.dtype[Any], separator: int) -> None:
        self._dtype = dtype
        self._separator = separator
        self._ids = (directory / f"{split}.bin").open("wb")
        self._offsets = (directory / f"{split}.offsets").open("wb")
        self._offsets.write(bytes(8))
        self._waiting: list[int] = []
        self._document = 0
        self._ends = array("Q")
        self._written = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ids.close()
        self._offsets.close()

    @property
    def tokens(self) -> int:
        """Ids so far."""
        return self._written + len(self._waiting)

    def add(self, ids: list[int]) -> None:
        """Appends to the document that is open."""
        self._waiting += ids
        self._document += len(ids)

    def end_document(self) -> None:
        """Closes the document with a separator; one that came to no token has none."""
        if self._document:
            self._waiting.append(self._separator)
        self._document = 0
        self._ends.append(self.tokens)

    def flush(self) -> None:
        """Hands what was added to the system."""
        self._ids.write(np.array(self._waiting, self._dtype).tobytes())
        self._offsets.write(self._ends.tobytes())
        self._written += len(self._waiting)
        self._waiting = []
        self._ends = array("Q")


class _Piece(NamedTuple):
    part: int
    text: str
    ends_document: bool


def encode(
    tokenizer: Tokenizer, documents: Iterable[tuple[int, str]], writers: dict[int, TokenWriter]
) -> Iterator[int]:
    """Writes each document, given with its part, to that part's writer; yields characters as they are done.

    Text that spells a special token is taken as the text it is.
    """
    tokenizer.encode_special_tokens = True
    for batch in _batches(documents):
        texts = [piece.text for piece in batch]
        encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        for piece, encoding in zip(batch, encodings, strict=True):
            writer = writers[piece.part]
            writer.add(encoding.ids)
            if piece.ends_document:
                writer.end_document()
        for writer in writers.values():
            writer.flush()
        yield sum(map(len, texts))


def pieces(document: str, limit: int = _PIECE_CHARACTERS) -> Iterator[str]:
    """A document in parts of at most ``limit`` characters, cut before a space where there is one.

    Tokenizers need some hundred bytes of memory a character; no document may be that dear.
    """
    start = 0
    while len(document) - start > limit:
        space = document.rfind(" ", start + 1, start + limit)
        end = space if space > 0 else start + limit
        yield document[start:end]
        start = end
    yield document[start:]


def _batches(documents: Iterable[tuple[int, str]]) -> Iterator[list[_Piece]]:
    batch: list[_Piece] = []
    size = 0
    for part, document in documents:
        end = 0
        for piece in pieces(document):
            end += len(piece)
            batch.append(_Piece(part, piece, end == len(document)))
            size += len(piece)
            if size >= _BATCH_CHARACTERS:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch
