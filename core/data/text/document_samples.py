"""Documents as samples: one document a row."""

import numpy as np
from numpy.typing import NDArray

from core.data.errors import DataError
from core.data.label_places import LabelPlaces
from core.data.prepared import SplitName
from core.data.text.prepared import PreparedText


class DocumentSamples:
    """The documents of a split, one a row: [CLS], its tokens, [SEP], then [PAD]. A longer document is cut at the end.

    All rows have one length: `sequence_length`, or the length of the longest document of both splits, where that is shorter.

    Args:
        sequence_length: Tokens in a row at most, special tokens included; at least 3.
    """

    def __init__(self, prepared: PreparedText, split: SplitName, sequence_length: int) -> None:
        if sequence_length < 3:
            raise ValueError(f"sequence_length must be at least 3, not {sequence_length}")
        self.special_ids = prepared.special_ids
        self._name = "training" if split == "train" else "held-out"
        self._tokens = prepared.tokens(split)
        offsets = prepared.offsets(split).astype(np.int64)
        self._starts = offsets[:-1]
        self._lengths = _lengths(offsets)
        longest = max(
            (
                int(_lengths(prepared.offsets(part).astype(np.int64)).max(initial=0))
                for part in ("train", "held_out")
            ),
        )
        self.sequence_length = min(sequence_length, longest + 2)
        """Tokens in a row."""
        self.truncated = int(np.count_nonzero(self._lengths > sequence_length - 2))
        """Number of documents that are cut."""
        facts = prepared.label_facts
        self.label_places = LabelPlaces(() if facts is None else facts.unlabelled_at)
        self._labels = prepared.labels(split) if prepared.label_facts is not None else None

    def __len__(self) -> int:
        return len(self._starts)

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """Class of each document, shape (len,), -1 where it has none. Of several labels or numbers: 0 where it has one.

        None where the data were prepared without labels.
        """
        return self._labels

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row that are not padding, special tokens included, shape (len,)."""
        return np.minimum(self._lengths + 2, self.sequence_length)

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Token ids of the documents at ``indices`` (integers in 0 … len - 1, shape (B,)): shape (B, L)."""
        ids = np.full((len(indices), self.sequence_length), self.special_ids.pad, dtype=np.int64)
        ids[:, 0] = self.special_ids.cls
        for row, index in zip(ids, indices.tolist(), strict=True):
            length = min(int(self._lengths[index]), self.sequence_length - 2)
            start = int(self._starts[index])
            row[1 : 1 + length] = self._tokens[start : start + length]
            row[1 + length] = self.special_ids.sep
        return ids

    def require(self, count: int) -> None:
        """
        Raises:
            DataError: ``data_too_small``, where there are fewer documents than ``count``.
        """
        if len(self) >= count:
            return
        raise DataError(
            "data_too_small",
            f"The {self._name} split has {len(self):,} document{'' if len(self) == 1 else 's'}, and {count:,} are needed",
            "Add text, or lower training.batch_size.",
            case="document_rows",
            split=self._name,
            documents=len(self),
            needed=count,
        )


def document_samples(prepared: PreparedText, split: SplitName, sequence_length: int) -> DocumentSamples:
    """A split with one document a row."""
    return DocumentSamples(prepared, split, sequence_length)


def _lengths(offsets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Tokens of each document without the separator after it. A document without tokens has none."""
    lengths: NDArray[np.int64] = np.maximum(np.diff(offsets) - 1, 0)
    return lengths
