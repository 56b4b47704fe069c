"""Best-fit packing: no token is lost, a document that fits is not cut, and rows are as full as by the reference algorithm."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data import DataError
from core.data.text import BestFitSequences, PreparedText
from core.data.text.best_fit import best_fit

lengths = st.lists(st.integers(0, 40), max_size=60)


def reference(chunks: list[int], capacity: int) -> list[list[int]]:
    """Best-fit decreasing, chunk by chunk: each into the fullest row with room for it."""
    rows: list[list[int]] = []
    for chunk in sorted(chunks, reverse=True):
        fitting = [row for row in rows if sum(row) + chunk <= capacity]
        if fitting:
            max(fitting, key=sum).append(chunk)
        else:
            rows.append([chunk])
    return rows


@given(lengths, st.integers(1, 30))
def test_rows_are_as_full_as_by_the_plain_algorithm(sizes: list[int], capacity: int):
    offsets = np.cumsum([0, *sizes]).astype(np.uint64)
    packing = best_fit(offsets, capacity)
    rows = [
        packing.lengths[a:b].tolist()
        for a, b in zip(packing.row_offsets[:-1], packing.row_offsets[1:], strict=True)
    ]
    chunks = [min(capacity, size - start) for size in sizes for start in range(0, size, capacity)]
    # Of equally full rows either may be chosen, so the contents of rows may differ, but not how full they are.
    assert sorted(map(sum, rows)) == sorted(map(sum, reference(chunks, capacity)))


@given(lengths, st.integers(1, 30))
def test_each_token_has_one_place_and_short_documents_are_not_cut(sizes: list[int], capacity: int):
    offsets = np.cumsum([0, *sizes])
    packing = best_fit(offsets, capacity)
    covered = np.concatenate(
        [
            np.empty(0, int),
            *(np.arange(s, s + n) for s, n in zip(packing.starts, packing.lengths, strict=True)),
        ]
    )
    assert sorted(covered) == list(range(sum(sizes)))
    assert packing.lengths.max(initial=0) <= capacity
    begins = set(packing.starts.tolist())
    for start, size in zip(offsets[:-1].tolist(), sizes, strict=True):
        inside = [at for at in begins if start < at < start + size]
        assert len(inside) == max(0, -(-size // capacity) - 1)


def test_a_million_documents_are_packed_almost_without_padding():
    sizes = np.random.default_rng(0).lognormal(5, 1, 1_000_000).astype(np.int64) + 1
    packing = best_fit(np.concatenate([[0], np.cumsum(sizes)]), 1024)
    rows = len(packing.row_offsets) - 1
    assert packing.lengths.sum() == sizes.sum()
    assert rows * 1024 / sizes.sum() < 1.0001


def test_rows_contain_documents_and_their_positions(prepared: PreparedText):
    packed = BestFitSequences(prepared, "train", 2048)
    every = np.arange(len(packed))
    rows, segments = packed.rows(every), packed.segments(every)
    special = prepared.special_ids
    assert rows.shape == segments.shape == (len(packed), 2048)
    assert np.all(rows[:, 0] == special.cls)
    assert np.array_equal(segments == 0, rows == special.pad)
    # A document begins after each [SEP], and nowhere else.
    steps = np.diff(segments, axis=1)
    assert np.all(
        (steps == 1)[rows[:, :-1] == special.sep] | (segments[:, 1:] == 0)[rows[:, :-1] == special.sep]
    )
    assert np.all(rows[:, :-1][steps == 1] == special.sep)
    # All tokens of the split are there, and documents that fit are in one row.
    ids, offsets = prepared.tokens("train"), prepared.offsets("train").astype(np.int64)
    found = {
        tuple(row[segment == number].tolist())
        for row, segment in zip(rows[:, 1:], segments[:, 1:], strict=True)
        for number in range(1, segment.max() + 1)
    }
    short = [tuple(ids[a:b].tolist()) for a, b in itertools.pairwise(offsets) if b - a <= 2047]
    assert len(short) > 10
    assert found >= set(short)
    size = packed.statistics
    assert size.tokens == prepared.train.tokens == np.count_nonzero(segments[:, 1:])
    assert size.padding == np.count_nonzero(rows == special.pad)
    assert size.documents - size.documents_cut == len(short)
    assert 0 < size.padding_share < 0.1
    assert size.cut_share == size.documents_cut / size.documents


def test_without_a_start_token_rows_contain_only_text(prepared: PreparedText):
    packed = BestFitSequences(prepared, "held_out", 65, begins=False)
    row = packed.rows(np.array([0]))[0]
    assert row[0] != prepared.special_ids.cls
    assert packed.segments(np.array([0]))[0].tolist() == [1] * 65


def test_row_numbers_out_of_range(prepared: PreparedText):
    packed = BestFitSequences(prepared, "train", 128)
    with pytest.raises(IndexError):
        packed.rows(np.array([len(packed)]))
    packed.require(len(packed))
    with pytest.raises(DataError) as caught:
        packed.require(len(packed) + 1)
    assert caught.value.code == "data_too_small"
    assert "batch_size" in caught.value.hint
    with pytest.raises(ValueError, match="at least 2"):
        BestFitSequences(prepared, "train", 1)
