"""Documents in rows: cut wherever a row is full, or by best fit, filled up with padding."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.data.errors import DataError
from core.data.prepared import SplitName
from core.data.text.best_fit import best_fit
from core.data.text.packing import PackedSequences
from core.data.text.prepared import PreparedText


@dataclass(frozen=True)
class PackingStatistics:
    """How good a packing is."""

    rows: int
    tokens: int
    padding: int
    """Places in the rows that hold no token."""
    documents: int
    documents_cut: int
    """Those longer than a row, which no packing keeps whole."""

    @property
    def padding_share(self) -> float:
        """Of all places."""
        return self.padding / max(1, self.padding + self.tokens)

    @property
    def cut_share(self) -> float:
        """Of all documents."""
        return self.documents_cut / max(1, self.documents)


def sequences(
    prepared: PreparedText, split: SplitName, sequence_length: int
) -> "PackedSequences | BestFitSequences":
    """A part in rows as ``data.packing`` asks for, each beginning with [CLS]."""
    if prepared.packing == "best_fit":
        return BestFitSequences(prepared, split, sequence_length)
    return PackedSequences(prepared, split, sequence_length)


class BestFitSequences:
    """A part's documents in rows of one length, each whole where it fits, by best fit (arXiv 2404.10830).

    A row is ``[CLS]`` (with ``begins``), documents one behind the other with [SEP] behind each, then [PAD]. Only a document
    longer than a row is cut, and all its chunks but the last fill rows of their own; so within a row, [SEP] is where
    a document ends and the next begins. Rows are in the order of their packing, longest documents first: they are to be
    drawn at random, as training does.

    Takes some 40 bytes of memory a document.
    """

    def __init__(
        self, prepared: PreparedText, split: SplitName, sequence_length: int, *, begins: bool = True
    ) -> None:
        self._head = int(begins)
        body = sequence_length - self._head
        if body < 1:
            raise ValueError(f"sequence_length must be at least {1 + self._head}, not {sequence_length}")
        self.sequence_length = sequence_length
        self.special_ids = prepared.special_ids
        self._name = "training" if split == "train" else "held-out"
        self._tokens = prepared.tokens(split)
        offsets = prepared.offsets(split)
        self._packing = best_fit(offsets, body)
        sizes = np.diff(offsets.astype(np.int64))
        self.statistics = PackingStatistics(
            rows=len(self),
            tokens=len(self._tokens),
            padding=len(self) * body - len(self._tokens),
            documents=len(sizes),
            documents_cut=int(np.count_nonzero(sizes > body)),
        )

    def __len__(self) -> int:
        return len(self._packing.row_offsets) - 1

    @property
    def labels(self) -> None:
        """None: text brings no labels."""
        return None

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Token ids of the rows at ``indices`` (ints in 0 … len - 1, shape (B,)): shape (B, L).

        Raises:
            IndexError: for a row that is not there.
        """
        return self._filled(indices, self.special_ids.pad, documents=False)

    def segments(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Which document of its row each token belongs to, from 1, shape (B, L); 0: padding. [CLS] is the first's."""
        return self._filled(indices, 0, documents=True)

    def _filled(self, indices: NDArray[np.int64], empty: int, *, documents: bool) -> NDArray[np.int64]:
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self):
            raise IndexError(f"rows {indices.min()} to {indices.max()} of {len(self)}")
        filled = np.full((len(indices), self.sequence_length), empty, dtype=np.int64)
        if self._head:
            filled[:, 0] = 1 if documents else self.special_ids.cls
        packing = self._packing
        for row, index in enumerate(indices.tolist()):
            at = self._head
            for number, chunk in enumerate(range(*packing.row_offsets[index : index + 2].tolist()), 1):
                start, length = int(packing.starts[chunk]), int(packing.lengths[chunk])
                filled[row, at : at + length] = number if documents else self._tokens[start : start + length]
                at += length
        return filled

    def require(self, count: int) -> None:
        """
        Raises:
            DataError: ``data_too_small``, where there are fewer rows than ``count``.
        """
        if len(self) >= count:
            return
        raise DataError(
            "data_too_small",
            f"The {self._name} part has {len(self._tokens):,} tokens in {len(self):,} sequence"
            f"{'' if len(self) == 1 else 's'} of {self.sequence_length:,}, and {count:,} are needed",
            "Add text, or lower training.batch_size or training.sequence_length.",
        )
