"""Which documents are held out: decided by their content, so that a growing dataset moves none across.

Or, where the spec asks for it, the end of the text. Either way a document that was there before, word for
word, is dropped.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.data.errors import DataError
from core.data.text.documents import Piece
from core.data.text.survey import Records
from core.formats.splits import threshold
from core.spec.data import DataSpec

DUPLICATE, TRAIN, HELD_OUT = 0, 1, 2
_BUCKET_RECORDS = 1 << 20


@dataclass(frozen=True)
class Part:
    """Size of one part of a dataset."""

    documents: int = 0
    characters: int = 0
    bytes: int = 0
    """Of the text in UTF-8, for bits per byte."""

    def __add__(self, other: "Part") -> "Part":
        return Part(
            self.documents + other.documents, self.characters + other.characters, self.bytes + other.bytes
        )

    def __sub__(self, other: "Part") -> "Part":
        return self + Part(-other.documents, -other.characters, -other.bytes)


class Cut(NamedTuple):
    """A document in two: its first ``characters`` train, the rest is held out."""

    document: int
    characters: int


class Picked(NamedTuple):
    """Some text, the part that it belongs to, and whether its document ends there."""

    part: int
    text: str
    ends: bool


@dataclass(frozen=True)
class Split:
    """A decision for each document read, in order: ``DUPLICATE``, ``TRAIN`` or ``HELD_OUT``; a byte each."""

    decisions: NDArray[np.uint8]
    train: Part
    held_out: Part
    cut: Cut | None = None

    @property
    def duplicates(self) -> int:
        return int(np.count_nonzero(self.decisions == DUPLICATE))

    def pick(self, pieces: Iterable[Piece], *decisions: int) -> Iterator[Picked]:
        """The documents, read once more, that were decided so.

        Raises:
            DataError: ``data_unreadable``, where they are not as many as before.
        """
        number = position = 0
        for text, ends in pieces:
            if number == len(self.decisions):
                number += 1
                break
            if self.cut and number == self.cut.document:
                yield from (
                    one
                    for one in _halves((text, ends), self.cut.characters - position)
                    if one.part in decisions
                )
                position += len(text)
            elif (decision := int(self.decisions[number])) in decisions:
                yield Picked(decision, text, ends)
            number += ends
        if number != len(self.decisions):
            raise DataError(
                "data_unreadable",
                "The data changed while it was read",
                "Leave the files alone and run again.",
            )


def _halves(piece: Piece, left: int) -> Iterator[Picked]:
    """A piece of the document that is cut, ``left`` characters before the cut."""
    text, ends = piece
    if left > 0:
        yield Picked(TRAIN, text[:left], left <= len(text))
    if left < len(text):
        yield Picked(HELD_OUT, text[max(left, 0) :], ends)


def split(records: Records, spec: DataSpec) -> Split:
    """Drops exact repeats and decides of the rest which documents are held out.

    ``by_hash``: those whose hash is below ``held_out_fraction`` of all hashes. Where that leaves either part without a
    document (few documents), the one with the smallest hash is held out and all others train.
    ``tail``: the last characters; the bytes of a document that is cut all count as training until
    `with_cut_measured`. Takes a byte of memory a document, and some 30 MB.

    Raises:
        DataError: ``data_too_small``, with fewer than two different documents (``tail``: characters).
    """
    decisions = np.full(records.count, TRAIN, dtype=np.uint8)
    _mark_duplicates(records, decisions)
    return (
        _by_hash(records, decisions, spec) if spec.held_out == "by_hash" else _tail(records, decisions, spec)
    )


def _mark_duplicates(records: Records, decisions: NDArray[np.uint8]) -> None:
    """Hashes are sorted one bucket of them after another, so that memory does not grow with their number."""
    buckets = np.uint64(max(1, -(-records.count // _BUCKET_RECORDS)))
    for bucket in range(int(buckets)):
        numbers, hashes = [], []
        for start, chunk in records:
            chosen = np.flatnonzero(chunk["hash"] % buckets == bucket)
            numbers.append(start + chosen)
            hashes.append(chunk["hash"][chosen].astype(np.uint64))
        if not numbers:
            return
        number, value = np.concatenate(numbers), np.concatenate(hashes)
        order = np.argsort(value, kind="stable")  # of equal ones, the first read comes first
        repeats = np.flatnonzero(value[order][1:] == value[order][:-1]) + 1
        decisions[number[order[repeats]]] = DUPLICATE


def _by_hash(records: Records, decisions: NDArray[np.uint8], spec: DataSpec) -> Split:
    limit = np.uint64(threshold(spec.held_out_fraction))
    smallest, smallest_at, one = 2**64, -1, Part()
    parts = {TRAIN: Part(), HELD_OUT: Part()}
    for start, chunk in records:
        decided = decisions[start : start + len(chunk)]
        decided[(decided != DUPLICATE) & (chunk["hash"] < limit)] = HELD_OUT
        for part in parts:
            parts[part] += _size(chunk[decided == part])
        at = int(np.argmin(chunk["hash"]))
        if int(chunk["hash"][at]) < smallest:
            smallest, smallest_at, one = int(chunk["hash"][at]), start + at, _size(chunk[at : at + 1])
    different = parts[TRAIN].documents + parts[HELD_OUT].documents
    if different < 2:
        raise DataError(
            "data_too_small",
            f"The data holds {different} different document{'' if different == 1 else 's'}; training and "
            "evaluation need at least one each",
            "Add text. A plain text file is cut into documents at blank lines, of about 2,000 characters each; "
            "with data.held_out 'tail' one document is cut in two.",
        )
    if not parts[TRAIN].documents or not parts[HELD_OUT].documents:
        decisions[decisions == HELD_OUT] = TRAIN
        decisions[smallest_at] = HELD_OUT
        return Split(decisions, parts[TRAIN] + parts[HELD_OUT] - one, one)
    return Split(decisions, parts[TRAIN], parts[HELD_OUT])


def _tail(records: Records, decisions: NDArray[np.uint8], spec: DataSpec) -> Split:
    characters = sum(
        int(chunk["characters"][decisions[start : start + len(chunk)] == TRAIN].sum())
        for start, chunk in records
    )
    if characters < 2:
        raise DataError(
            "data_too_small",
            f"The data holds {characters} character{'' if characters == 1 else 's'}; training and evaluation "
            "need at least one each",
            "Add text.",
        )
    border = min(max(int(characters * (1 - spec.held_out_fraction)), 1), characters - 1)
    behind = 0
    train, held_out, cut = Part(), Part(), None
    for start, chunk in records:
        decided = decisions[start : start + len(chunk)]
        kept = decided == TRAIN
        ends = behind + np.cumsum(np.where(kept, chunk["characters"], 0).astype(np.int64))
        begins = ends - chunk["characters"].astype(np.int64)
        decided[kept & (begins >= border)] = HELD_OUT
        train += _size(chunk[decided == TRAIN])
        held_out += _size(chunk[decided == HELD_OUT])
        for at in np.flatnonzero(kept & (begins < border) & (border < ends)):
            cut = Cut(start + int(at), border - int(begins[at]))
            rest = int(ends[at]) - border
            train += Part(0, -rest)
            held_out += Part(1, rest)
        behind = int(ends[-1])
    return Split(decisions, train, held_out, cut)


def with_cut_measured(split: Split, pieces: Iterable[Piece]) -> Split:
    """The split with the bytes of a document that is cut counted for the part that each is in."""
    if split.cut is None:
        return split
    number = position = rest = 0
    for text, ends in pieces:
        if number == split.cut.document:
            rest += len(text[max(0, split.cut.characters - position) :].encode())
            position += len(text)
        number += ends
        if number > split.cut.document:
            break
    moved = Part(bytes=rest)
    return Split(split.decisions, split.train - moved, split.held_out + moved, split.cut)


def _size(chunk: NDArray[np.void]) -> Part:
    return Part(len(chunk), int(chunk["characters"].sum()), int(chunk["bytes"].sum()))
