"""Token ids in blocks of one length, each with the token that follows it (for causal language modelling)."""

import numpy as np
from numpy.typing import NDArray

from core.data.errors import DataError
from core.data.prepared import SplitName
from core.data.text.prepared import PreparedText


class TokenBlocks:
    """The documents of a split, concatenated with [SEP] after each, and cut into blocks of L tokens.

    Row ``i`` is ids ``i * L`` to ``i * L + L`` of the split, both included: L inputs, each with the next token as target.
    Tokens that do not fill a last block are left out. A held-out split shorter than one block gives one shorter row, so that
    evaluation has data.
    """

    def __init__(self, prepared: PreparedText, split: SplitName, sequence_length: int) -> None:
        if sequence_length < 1:
            raise ValueError(f"sequence_length must be at least 1, not {sequence_length}")
        self._tokens = prepared.tokens(split)
        if split == "held_out" and 1 < len(self._tokens) <= sequence_length:
            sequence_length = len(self._tokens) - 1
        self.sequence_length = sequence_length
        """Inputs in a row; fewer than requested only for a single, shorter row."""
        self._count = max(0, len(self._tokens) - 1) // sequence_length
        self._name = "training" if split == "train" else "held-out"

    def __len__(self) -> int:
        return self._count

    @property
    def labels(self) -> None:
        """None: text has no labels."""
        return None

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Token ids of the rows at ``indices`` (integers in 0 … len - 1, shape (B,)): shape (B, L + 1).

        Raises:
            IndexError: for an index out of range.
        """
        if len(indices) and not 0 <= indices.min() <= indices.max() < self._count:
            raise IndexError(f"rows {indices.min()} to {indices.max()} of {self._count}")
        starts = indices[:, None] * self.sequence_length
        ids: NDArray[np.int64] = self._tokens[starts + np.arange(self.sequence_length + 1)].astype(np.int64)
        return ids

    def require(self, count: int) -> None:
        """
        Raises:
            DataError: ``data_too_small``, where there are fewer rows than ``count``.
        """
        if len(self) >= count:
            return
        raise DataError(
            "data_too_small",
            f"The {self._name} split has {len(self._tokens):,} tokens, and {count * self.sequence_length + 1:,} are "
            f"needed for {count:,} sequence{'' if count == 1 else 's'} of {self.sequence_length:,}",
            "Add text, or lower training.batch_size or training.sequence_length.",
            case="tokens",
            split=self._name,
            tokens=len(self._tokens),
            needed=count * self.sequence_length + 1,
            sequences=count,
            sequence_length=self.sequence_length,
        )
