"""Whole words and spans of them."""

from typing import Any

import numpy as np
import pytest

from core.tasks.masked_lm.masking import Masker
from core.tasks.masked_lm.spec import MaskedLanguageModeling

SPECIAL = np.array([0, 1, 2, 3, 4])
MASK = 4
STARTS = np.arange(100) % 3 == 0
"""Of a hundred tokens each third begins a word."""


def rows_of(count: int, length: int = 64) -> Any:
    rows = np.random.default_rng(0).integers(0, 100, (count, length))
    rows[:, 0] = 2
    return rows


def masker() -> Masker:
    return Masker(SPECIAL, MASK, 100, STARTS)


def words(row: Any) -> list[list[int]]:
    """Positions of each word of a row, the slow way."""
    found: list[list[int]] = []
    before = True
    for position, token in enumerate(row):
        if token < 5:
            before = True
            continue
        if before or STARTS[token]:
            found.append([])
        found[-1].append(position)
        before = False
    return found


def chosen_of(rows: Any, task: MaskedLanguageModeling, key: int = 1) -> tuple[Any, Any]:
    inputs, positions, targets = masker()(rows, np.arange(len(rows)), key, task)
    chosen = np.zeros(rows.shape, dtype=bool)
    chosen.reshape(-1)[positions] = True
    assert (targets == rows.reshape(-1)[positions]).all()
    assert (inputs[~chosen] == rows[~chosen]).all()
    return inputs, chosen


def test_whole_words_are_chosen_or_not_at_all() -> None:
    rows = rows_of(500)
    task = MaskedLanguageModeling(masking="whole_word")
    _, chosen = chosen_of(rows, task)
    several = 0
    for row, marks in zip(rows, chosen, strict=True):
        for word in words(row):
            assert len(set(marks[word].tolist())) == 1
            several += len(word) > 1
        assert not marks[row < 5].any()
        assert marks.any()
    assert several > 1000
    assert chosen.sum() / (rows >= 5).sum() == pytest.approx(0.15, rel=0.05)


def test_spans_are_whole_words_up_to_the_budget_and_hidden_in_one_way() -> None:
    rows = rows_of(300)
    task = MaskedLanguageModeling(masking="span", mask_token_share=0.5, random_token_share=0.0)
    inputs, chosen = chosen_of(rows, task)
    cut_short = 0
    runs = []
    for row, marks, shown in zip(rows, chosen, inputs, strict=True):
        assert marks.sum() == round((row >= 5).sum() * 0.15)
        assert not marks[row < 5].any()
        cut_short += sum(0 < marks[word].sum() < len(word) for word in words(row))
        edges = np.flatnonzero(np.diff(np.pad(marks, 1).astype(int))).reshape(-1, 2)
        runs += [end - start for start, end in edges]
        # Except where two spans meet, all tokens of a word are masked, or all are kept.
        for word in words(row):
            if marks[word].all():
                assert len({bool(token == MASK) for token in shown[word]}) == 1
    assert cut_short <= len(rows), "only a row's last span may be cut"
    # 3.8 words of two tokens in the mean would be longer than the budget of nine often allows.
    assert np.mean(runs) > 3


def test_span_lengths_are_geometric_and_end_at_ten() -> None:
    from core.tasks.masked_lm import masking  # noqa: PLC0415 - its table alone

    lengths = np.diff(np.pad(masking._SPAN_LENGTHS_UP_TO, (1, 0)))
    assert len(lengths) == 10
    assert lengths.sum() == pytest.approx(1)
    assert (lengths * np.arange(1, 11)).sum() == pytest.approx(3.8, abs=0.01)
    assert lengths[1:] / lengths[:-1] == pytest.approx([0.8] * 9)


@pytest.mark.parametrize("masking", ["whole_word", "span"])
def test_masks_are_a_function_of_the_key_and_the_sample_alone(masking: Any) -> None:
    rows, samples = rows_of(8), np.array([3, 1, 4, 15, 9, 2, 6, 5])
    task = MaskedLanguageModeling(masking=masking)
    whole, _, _ = masker()(rows, samples, 11, task)
    order = np.array([6, 0, 3])
    part, _, _ = masker()(rows[order], samples[order], 11, task)
    assert (part == whole[order]).all()
    other, _, _ = masker()(rows, samples, 12, task)
    assert (other != whole).any()


@pytest.mark.parametrize("masking", ["token", "whole_word", "span"])
def test_every_sample_has_something_to_predict_if_it_can(masking: Any) -> None:
    rows = rows_of(50)
    rows[7] = 2
    rare = MaskedLanguageModeling(mask_probability=1e-9, masking=masking)
    _, chosen = chosen_of(rows, rare)
    assert (chosen.any(axis=1) == [row != 7 for row in range(50)]).all()


def test_everything_chosen_can_be_masked() -> None:
    rows = rows_of(50)
    task = MaskedLanguageModeling(mask_token_share=1.0, random_token_share=0.0)
    inputs, chosen = chosen_of(rows, task)
    assert (inputs[chosen] == MASK).all()
