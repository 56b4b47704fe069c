"""Encodes documents to token ids on disk, some megabytes at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.data.memory import return_memory
from core.data.text.split import Picked
from core.data.text.writing import Writer

Ids = list[NDArray[Any]]
"""Token ids, one array for each text."""

Encoder = Callable[[Iterable[list[str]]], Iterator[Ids]]
"""Encodes batches of texts, and yields the ids of each batch in order."""

BATCH_CHARACTERS = 1 << 20
"""Characters in a batch of texts. For each process one more batch may wait."""
TRIM_BATCHES = 16
"""Batches after which freed memory is returned to the system. Texts and ids of many sizes fragment memory, the more
the larger the dataset."""


def encode(
    encoder: Encoder, picked: Iterable[Picked], writers: Mapping[int, Writer]
) -> Iterator[tuple[int, int]]:
    """Write each document to its split's writer. Yields (pieces, characters) as they are written and flushed."""
    sent: list[list[Picked]] = []

    def texts() -> Iterator[list[str]]:
        for batch in _batches(picked):
            sent.append(batch)
            yield [piece.text for piece in batch]

    for number, encoded in enumerate(encoder(texts()), 1):
        batch = sent.pop(0)
        for piece, ids in zip(batch, encoded, strict=True):
            writer = writers[piece.decision]
            writer.add(ids)
            if piece.ends:
                writer.end_document()
        for writer in writers.values():
            writer.flush()
        if number % TRIM_BATCHES == 0:
            return_memory()
        yield len(batch), sum(len(piece.text) for piece in batch)


def encode_here(tokenizer: Tokenizer, dtype: np.dtype[Any], *, spans: bool = False) -> Encoder:
    """An encoder that runs in this process. With ``spans`` it yields `spans_of`."""
    of = spans_of if spans else ids_of

    def encoder(batches: Iterable[list[str]]) -> Iterator[Ids]:
        for texts in batches:
            yield of(tokenizer, texts, dtype)

    return encoder


def ids_of(tokenizer: Tokenizer, texts: list[str], dtype: np.dtype[Any]) -> Ids:
    """Ids of each text. A special token that occurs in a text is encoded as ordinary text."""
    return [np.array(ids, dtype) for ids in ids_of_texts(tokenizer, texts)]


def spans_of(tokenizer: Tokenizer, texts: list[str], dtype: np.dtype[Any]) -> Ids:
    """For each text its ids, then the first character of each token, then the character after its last one: (3 N,)."""
    tokenizer.encode_special_tokens = True
    found = tokenizer.encode_batch(texts, add_special_tokens=False)
    return [
        np.array([*one.ids, *(a for a, _ in one.offsets), *(b for _, b in one.offsets)], dtype)
        for one in found
    ]


def ids_of_texts(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """Like `ids_of`, as lists."""
    tokenizer.encode_special_tokens = True
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def _batches(picked: Iterable[Picked]) -> Iterator[list[Picked]]:
    batch: list[Picked] = []
    size = 0
    for piece in picked:
        batch.append(piece)
        size += len(piece.text)
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
