"""Documents packed into rows: as a stream that is cut where a row is full, or by best fit with padding."""

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
    """The quality of a packing."""

    rows: int
    tokens: int
    padding: int
    """Positions in the rows that hold no token."""
    documents: int
    documents_cut: int
    """Documents longer than a row, which every packing cuts."""

    @property
    def padding_share(self) -> float:
        """Padding as a share of all positions (0 … 1)."""
        return self.padding / max(1, self.padding + self.tokens)

    @property
    def cut_share(self) -> float:
        """Documents that are cut, as a share of all documents (0 … 1)."""
        return self.documents_cut / max(1, self.documents)


def sequences(
    prepared: PreparedText, split: SplitName, sequence_length: int
) -> "PackedSequences | BestFitSequences":
    """A split in rows that begin with [CLS], packed as ``data.packing`` says."""
    if prepared.packing == "best_fit":
        return BestFitSequences(prepared, split, sequence_length)
    return PackedSequences(prepared, split, sequence_length)


class BestFitSequences:
    """The documents of a split in rows of one length, by best fit (arXiv 2404.10830): each is whole where it fits.

    A row is ``[CLS]`` (with ``begins``), documents one after the other with [SEP] after each, then [PAD]. Only a document
    longer than a row is cut, and all its chunks except the last fill rows of their own. So within a row, each [SEP] ends a
    document. Rows are in the order of the packing, with the longest documents first, and so must be drawn at random, as
    training does.

    Takes about 40 bytes of memory for each document.
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
        """None: text has no labels."""
        return None

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Token ids of the rows at ``indices`` (integers in 0 … len - 1, shape (B,)): shape (B, L).

        Raises:
            IndexError: for an index out of range.
        """
        return self._filled(indices, self.special_ids.pad, documents=False)

    def segments(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """The number (from 1) of the document in its row that each token belongs to, shape (B, L); 0 for padding.

        [CLS] belongs to the first.
        """
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
            f"The {self._name} split has {len(self._tokens):,} tokens in {len(self):,} sequence"
            f"{'' if len(self) == 1 else 's'} of {self.sequence_length:,}, and {count:,} are needed",
            "Add text, or lower training.batch_size or training.sequence_length.",
            case="sequences",
            split=self._name,
            tokens=len(self._tokens),
            sequences=len(self),
            needed=count,
            sequence_length=self.sequence_length,
        )
