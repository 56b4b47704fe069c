"""Masking for masked language models: which tokens are predicted, and what replaces them in the input.

Devlin et al. 2018, arXiv 1810.04805; spans by Joshi et al. 2019, arXiv 1907.10529 (SpanBERT).
"""

import numpy as np
from numpy.typing import NDArray

from core.randomness import uniforms
from core.tasks.masked_lm.spec import MaskedLanguageModeling

_Ids = NDArray[np.int64]
_Numbers = NDArray[np.float64]

_LONGEST_SPAN = 10
_SPAN_END = 0.2
_SPAN_LENGTHS = _SPAN_END * (1 - _SPAN_END) ** np.arange(_LONGEST_SPAN)
_SPAN_LENGTHS_UP_TO = np.cumsum(_SPAN_LENGTHS / _SPAN_LENGTHS.sum())
"""Probability of a span of at most 1, 2 … 10 words: geometric with 0.2, cut off at 10; the mean is 3.8 words."""


class Masker:
    """Chooses the tokens to predict and hides them.

    Args:
        special_ids: tokens that are never chosen and never replace another token; words end at them.
        mask_id: the mask token.
        vocabulary_size: V.
        word_starts: whether a token begins a word, shape (V,); None if only single tokens are chosen.
    """

    def __init__(
        self,
        special_ids: _Ids,
        mask_id: int,
        vocabulary_size: int,
        word_starts: NDArray[np.bool_] | None = None,
    ) -> None:
        self._mask_id = mask_id
        self._is_special = np.zeros(vocabulary_size, dtype=bool)
        self._is_special[special_ids] = True
        self._ordinary = np.flatnonzero(~self._is_special)
        self._word_starts = word_starts

    def __call__(
        self, rows: _Ids, samples: _Ids, key: int, task: MaskedLanguageModeling
    ) -> tuple[_Ids, _Ids, _Ids]:
        """Hide tokens of ``rows`` (B, L); each sample's randomness is a function of (key, sample).

        If by chance no token of a sample is chosen, its likeliest token or word is, so that no batch is without a
        prediction.

        Returns:
            The input ids (B, L), the flat positions to predict (N,) in order, and their tokens (N,).
        """
        streams = 4 if task.masking == "span" else 3
        chance, action, replacement, *further = uniforms(key, samples, rows.shape[1], streams)
        special = self._is_special[rows]
        if task.masking == "span":
            chosen, action = self._spans(rows, special, (chance, action, further[0]), task.mask_probability)
        else:
            if task.masking == "whole_word":
                chance = np.take_along_axis(chance, _first_of_word(self._begins(rows, special)), axis=1)
            chance[special] = 2.0
            least = chance.min(axis=1, keepdims=True)
            chosen = (chance < task.mask_probability) | ((chance == least) & (least < 2.0))
        positions = np.flatnonzero(chosen)
        inputs = rows.copy()
        flat = inputs.reshape(-1)
        targets = flat[positions]
        action, replacement = action.reshape(-1)[positions], replacement.reshape(-1)[positions]
        masked = action < task.mask_token_share
        randomised = ~masked & (action < task.mask_token_share + task.random_token_share)
        flat[positions[masked]] = self._mask_id
        drawn = (replacement[randomised] * len(self._ordinary)).astype(np.int64)
        flat[positions[randomised]] = self._ordinary[drawn]
        return inputs, positions, targets

    def _begins(self, rows: _Ids, special: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Where words begin: at a token that begins a word, after a special token, or at the row's edge."""
        assert self._word_starts is not None
        begins = self._word_starts[rows] | special
        begins[:, 0] = True
        begins[:, 1:] |= special[:, :-1]
        return begins

    def _spans(
        self,
        rows: _Ids,
        special: NDArray[np.bool_],
        draws: tuple[_Numbers, _Numbers, _Numbers],
        share: float,
    ) -> tuple[NDArray[np.bool_], _Numbers]:
        """Spans until ``share`` of each row's ordinary tokens is chosen; the last one is cut to fit.

        Args:
            draws: for each row's first, second … span: where it begins, how many words it has, and the action
            (mask, random token or unchanged) for all of its tokens.

        Returns:
            What is chosen, and each token's span's action, shapes (B, L).
        """
        chosen = np.zeros(rows.shape, dtype=bool)
        actions = np.zeros(rows.shape)
        begins = self._begins(rows, special)
        lengths = 1 + np.searchsorted(_SPAN_LENGTHS_UP_TO, draws[1], side="right").clip(max=_LONGEST_SPAN - 1)
        for row in range(len(rows)):
            ordinary = ~special[row]
            left = int(ordinary.sum())
            left = min(left, max(1, round(left * share)))
            starts = np.flatnonzero(begins[row])
            firsts = np.flatnonzero(ordinary[starts])
            ends = np.append(starts, len(ordinary))
            for draw in range(rows.shape[1] if left else 0):
                first = firsts[int(draws[0][row, draw] * len(firsts))]
                last = first
                while last < len(starts) and last < first + lengths[row, draw] and ordinary[starts[last]]:
                    last += 1
                span = np.arange(ends[first], ends[last])
                span = span[~chosen[row, span]][:left]
                chosen[row, span] = True
                actions[row, span] = draws[2][row, draw]
                left -= len(span)
                if left == 0:
                    break
        return chosen, actions


def _first_of_word(begins: NDArray[np.bool_]) -> _Ids:
    """The position of each token's word's first token, shape (B, L)."""
    positions: _Ids = np.where(begins, np.arange(begins.shape[1]), 0)
    return np.maximum.accumulate(positions, axis=1)
