"""Which documents are held out: decided by their content, so that a growing dataset moves none across."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b

from core.data.errors import DataError

DUPLICATE, TRAIN, HELD_OUT = 0, 1, 2


@dataclass
class Part:
    """Size of one part of a dataset."""

    documents: int = 0
    characters: int = 0
    bytes: int = 0
    """Of the text in UTF-8, for bits per byte."""


@dataclass
class Split:
    """A decision for each document read, in order: ``DUPLICATE``, ``TRAIN`` or ``HELD_OUT``; a byte each."""

    decisions: bytearray = field(default_factory=bytearray)
    train: Part = field(default_factory=Part)
    held_out: Part = field(default_factory=Part)
    duplicates: int = 0

    def pick(self, documents: Iterable[str], *decisions: int) -> Iterator[tuple[int, str]]:
        """The decision and text of the documents, read once more, that were decided so.

        Raises:
            DataError: ``data_unreadable``, where they are not as many as before.
        """
        seen = 0
        for seen, document in enumerate(documents, 1):
            if seen > len(self.decisions):
                break
            decision = self.decisions[seen - 1]
            if decision in decisions:
                yield decision, document
        if seen != len(self.decisions):
            raise DataError(
                "data_unreadable",
                "The data changed while it was read",
                "Leave the files alone and run again.",
            )


def content_hash(content: bytes) -> int:
    """64 bits of a document's UTF-8 text."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "big")


def split(documents: Iterable[str], fraction: float) -> Split:
    """Drops exact repeats and holds out the documents whose hash is below ``fraction`` of all hashes.

    Where that leaves either part without a document (few documents), the one document with the smallest
    hash is held out and all others train. Takes some tens of bytes of memory a document.

    Raises:
        DataError: ``data_too_small``, with fewer than two different documents.
    """
    result = Split()
    threshold = int(fraction * 2**64)
    seen: set[int] = set()
    smallest, smallest_at, smallest_size = 2**64, -1, (0, 0)
    for number, document in enumerate(documents):
        content = document.encode()
        key = content_hash(content)
        if key in seen:
            result.decisions.append(DUPLICATE)
            result.duplicates += 1
            continue
        seen.add(key)
        held_out = key < threshold
        result.decisions.append(HELD_OUT if held_out else TRAIN)
        part = result.held_out if held_out else result.train
        part.documents += 1
        part.characters += len(document)
        part.bytes += len(content)
        if key < smallest:
            smallest, smallest_at, smallest_size = key, number, (len(document), len(content))
    if len(seen) < 2:
        raise DataError(
            "data_too_small",
            f"The data holds {len(seen)} different document{'' if len(seen) == 1 else 's'}; training and "
            "evaluation need at least one each",
            "Add text. A plain text file is cut into documents at blank lines, of about 2,000 characters each.",
        )
    if not result.train.documents or not result.held_out.documents:
        _hold_out_one(result, smallest_at, Part(1, *smallest_size))
    return result


def _hold_out_one(result: Split, number: int, one: Part) -> None:
    both = (result.train, result.held_out)
    result.train = Part(
        sum(part.documents for part in both) - 1,
        sum(part.characters for part in both) - one.characters,
        sum(part.bytes for part in both) - one.bytes,
    )
    result.held_out = one
    result.decisions = bytearray(result.decisions.replace(bytes([HELD_OUT]), bytes([TRAIN])))
    result.decisions[number] = HELD_OUT
