"""Decides which documents are held out, by their content: a document keeps its split when the dataset grows.

If the spec asks for it, the end of the text is held out instead. In both cases exact copies of an earlier document are
dropped.
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
class SplitSize:
    """Size of one split of a dataset."""

    documents: int = 0
    characters: int = 0
    bytes: int = 0
    """Bytes of the text in UTF-8, for bits per byte."""

    def __add__(self, other: "SplitSize") -> "SplitSize":
        return SplitSize(
            self.documents + other.documents, self.characters + other.characters, self.bytes + other.bytes
        )

    def __sub__(self, other: "SplitSize") -> "SplitSize":
        return self + SplitSize(-other.documents, -other.characters, -other.bytes)


class Cut(NamedTuple):
    """The document that is cut in two: its first ``characters`` are for training, the rest is held out."""

    document: int
    characters: int


class Picked(NamedTuple):
    """A piece of text, ``TRAIN`` or ``HELD_OUT``, and whether its document ends there."""

    decision: int
    text: str
    ends: bool


@dataclass(frozen=True)
class Split:
    """A decision for each document in the order of reading: ``DUPLICATE``, ``TRAIN`` or ``HELD_OUT``, 1 byte each."""

    decisions: NDArray[np.uint8]
    train: SplitSize
    held_out: SplitSize
    cut: Cut | None = None

    @property
    def duplicates(self) -> int:
        return int(np.count_nonzero(self.decisions == DUPLICATE))

    def pick(self, pieces: Iterable[Piece], *decisions: int) -> Iterator[Picked]:
        """The documents with one of the given decisions, read again.

        Raises:
            DataError: ``data_unreadable``, where the number of documents has changed since the first reading.
        """
        number = position = 0
        for text, ends in pieces:
            if number == len(self.decisions):
                number += 1
                break
            if self.cut and number == self.cut.document:
                yield from (
                    one
                    for one in _pieces_of_cut_document((text, ends), self.cut.characters - position)
                    if one.decision in decisions
                )
                position += len(text)
            elif (decision := int(self.decisions[number])) in decisions:
                yield Picked(decision, text, ends)
            number += ends
        if number != len(self.decisions):
            raise DataError(
                "data_unreadable",
                "The data changed while it was read",
                "Do not change the files during a run, then run again.",
                case="changed",
            )


def _pieces_of_cut_document(piece: Piece, left: int) -> Iterator[Picked]:
    """A piece of the document that is cut in two. The cut is ``left`` characters after the piece's start."""
    text, ends = piece
    if left > 0:
        yield Picked(TRAIN, text[:left], left <= len(text))
    if left < len(text):
        yield Picked(HELD_OUT, text[max(left, 0) :], ends)


def split(records: Records, spec: DataSpec) -> Split:
    """Drop exact copies, and decide which of the other documents are held out.

    ``by_hash``: those whose hash is below the fraction ``held_out_fraction`` of the range of hashes. If that leaves one of the
    splits empty (few documents), the document with the smallest hash is held out and all others are for training.
    ``tail``: the last characters. All bytes of a document that is cut count as training until `with_cut_measured` is called.
    Takes 1 byte of memory for each document, and about 30 MB.

    Raises:
        DataError: ``data_too_small``, for fewer than two distinct documents (``tail``: characters).
    """
    decisions = np.full(records.count, TRAIN, dtype=np.uint8)
    _mark_duplicates(records, decisions)
    return (
        _by_hash(records, decisions, spec) if spec.held_out == "by_hash" else _tail(records, decisions, spec)
    )


def only_training(records: Records) -> Split:
    """All documents for training, for data that hold too few for a held-out split."""
    decisions = np.full(records.count, TRAIN, dtype=np.uint8)
    _mark_duplicates(records, decisions)
    sizes = [_size(chunk[decisions[start : start + len(chunk)] == TRAIN]) for start, chunk in records]
    return Split(decisions, sum(sizes, SplitSize()), SplitSize())


def _mark_duplicates(records: Records, decisions: NDArray[np.uint8]) -> None:
    """Sorts the hashes one bucket after another, so that memory does not grow with their number."""
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
        order = np.argsort(
            value, kind="stable"
        )  # stable: of equal hashes, the document read first comes first
        repeats = np.flatnonzero(value[order][1:] == value[order][:-1]) + 1
        decisions[number[order[repeats]]] = DUPLICATE


def _by_hash(records: Records, decisions: NDArray[np.uint8], spec: DataSpec) -> Split:
    limit = np.uint64(threshold(spec.held_out_fraction))
    smallest, smallest_at, one = 2**64, -1, SplitSize()
    sizes = {TRAIN: SplitSize(), HELD_OUT: SplitSize()}
    for start, chunk in records:
        decided = decisions[start : start + len(chunk)]
        decided[(decided != DUPLICATE) & (chunk["hash"] < limit)] = HELD_OUT
        for which in sizes:
            sizes[which] += _size(chunk[decided == which])
        at = int(np.argmin(chunk["hash"]))
        if int(chunk["hash"][at]) < smallest:
            smallest, smallest_at, one = int(chunk["hash"][at]), start + at, _size(chunk[at : at + 1])
    different = sizes[TRAIN].documents + sizes[HELD_OUT].documents
    if different < 2:
        raise DataError(
            "data_too_small",
            f"The data holds {different} different document{'' if different == 1 else 's'}; training and "
            "evaluation need at least one each",
            "Add text. A plain text file is cut into documents at blank lines, of about 2,000 characters each; "
            "with data.held_out 'tail' one document is cut in two.",
            case="documents",
            documents=different,
        )
    if not sizes[TRAIN].documents or not sizes[HELD_OUT].documents:
        decisions[decisions == HELD_OUT] = TRAIN
        decisions[smallest_at] = HELD_OUT
        return Split(decisions, sizes[TRAIN] + sizes[HELD_OUT] - one, one)
    return Split(decisions, sizes[TRAIN], sizes[HELD_OUT])


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
            case="characters",
            characters=characters,
        )
    border = min(max(int(characters * (1 - spec.held_out_fraction)), 1), characters - 1)
    before = 0
    train, held_out, cut = SplitSize(), SplitSize(), None
    for start, chunk in records:
        decided = decisions[start : start + len(chunk)]
        kept = decided == TRAIN
        ends = before + np.cumsum(np.where(kept, chunk["characters"], 0).astype(np.int64))
        begins = ends - chunk["characters"].astype(np.int64)
        decided[kept & (begins >= border)] = HELD_OUT
        train += _size(chunk[decided == TRAIN])
        held_out += _size(chunk[decided == HELD_OUT])
        for at in np.flatnonzero(kept & (begins < border) & (border < ends)):
            cut = Cut(start + int(at), border - int(begins[at]))
            rest = int(ends[at]) - border
            train += SplitSize(0, -rest)
            held_out += SplitSize(1, rest)
        before = int(ends[-1])
    return Split(decisions, train, held_out, cut)


def with_cut_measured(split: Split, pieces: Iterable[Piece]) -> Split:
    """The split, with the bytes of a document that is cut counted in the split that each belongs to."""
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
    moved = SplitSize(bytes=rest)
    return Split(split.decisions, split.train - moved, split.held_out + moved, split.cut)


def _size(chunk: NDArray[np.void]) -> SplitSize:
    return SplitSize(len(chunk), int(chunk["characters"].sum()), int(chunk["bytes"].sum()))
