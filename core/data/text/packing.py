"""Token ids in rows of one length, without padding."""

import numpy as np
from numpy.typing import NDArray

from core.data.errors import DataError
from core.data.prepared import SplitName
from core.data.text.prepared import PreparedText


class PackedSequences:
    """The documents of a split, concatenated with [SEP] between them, and cut into rows that begin with [CLS].

    This is the FULL-SENTENCES packing of RoBERTa (Liu et al. 2019, arXiv 1907.11692): rows may span documents, and attention
    within a row crosses from one document to the next. Tokens that do not fill a last row are left out. The one exception: a
    held-out split with fewer tokens than a row gives one shorter row, so that evaluation has data.

    Row ``i`` is ``[CLS]`` and ids ``i * (L - 1)`` to ``(i + 1) * (L - 1)`` of the split, where L is ``sequence_length``.
    """

    def __init__(self, prepared: PreparedText, split: SplitName, sequence_length: int) -> None:
        if sequence_length < 2:
            raise ValueError(f"sequence_length must be at least 2, not {sequence_length}")
        tokens = prepared.tokens(split)
        body = sequence_length - 1
        if split == "held_out" and 0 < len(tokens) < body:
            body = len(tokens)
        count = len(tokens) // body
        self.sequence_length = body + 1
        """Tokens in a row with [CLS]; fewer than requested only for a single, shorter row."""
        self.special_ids = prepared.special_ids
        self._name = "training" if split == "train" else "held-out"
        self._tokens = len(tokens)
        self._rows = tokens[: count * body].reshape(count, body)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def labels(self) -> None:
        """None: text has no labels."""
        return None

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Token ids of the rows at ``indices`` (integers in 0 … len - 1, shape (B,)): shape (B, L).

        Raises:
            IndexError: for an index out of range.
        """
        ids = np.empty((len(indices), self.sequence_length), dtype=np.int64)
        ids[:, 0] = self.special_ids.cls
        ids[:, 1:] = self._rows[indices]
        return ids

    def require(self, batch_size: int) -> None:
        """
        Raises:
            DataError: ``data_too_small``, where there are fewer rows than ``batch_size``.
        """
        if len(self) >= batch_size:
            return
        needed = batch_size * (self.sequence_length - 1)
        raise DataError(
            "data_too_small",
            f"The {self._name} split has {self._tokens:,} tokens, and {needed:,} are needed for "
            f"{batch_size:,} sequence{'' if batch_size == 1 else 's'} of {self.sequence_length:,}",
            "Add text, or lower training.batch_size or training.sequence_length.",
            case="tokens",
            split=self._name,
            tokens=self._tokens,
            needed=needed,
            sequences=batch_size,
            sequence_length=self.sequence_length,
        )
