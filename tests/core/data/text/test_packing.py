"""Packing without padding keeps every token except a rest at the end."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data import DataError
from core.data.text import PackedSequences, PreparedText, SplitStatistics


def with_tokens(prepared: PreparedText, directory: Path, count: int) -> PreparedText:
    """Prepared data with so many tokens: 10, 11, 12 …"""
    for split in ("train", "held_out"):
        (np.arange(count) + 10).astype(prepared.token_type).tofile(directory / f"{split}.bin")
    size = SplitStatistics(documents=1, characters=count, text_bytes=count, tokens=count)
    return replace(prepared, directory=directory, train=size, held_out=size)


@given(count=st.integers(0, 400), length=st.integers(2, 50))
def test_rows_are_the_tokens_in_order(
    prepared: PreparedText, tmp_path_factory: pytest.TempPathFactory, count: int, length: int
):
    data = with_tokens(prepared, tmp_path_factory.getbasetemp(), count)
    packed = PackedSequences(data, "train", length)
    assert len(packed) == count // (length - 1)
    rows = packed.rows(np.arange(len(packed)))
    assert rows.shape == (len(packed), length)
    assert rows.dtype == np.int64
    assert np.all(rows[:, 0] == prepared.special_ids.cls)
    body = rows[:, 1:].reshape(-1)
    assert np.array_equal(body, np.arange(len(body)) + 10)
    assert count - len(body) < length - 1


def test_rows_come_in_the_order_asked_for(prepared: PreparedText):
    packed = PackedSequences(prepared, "train", 32)
    indices = np.array([3, 0, 3, len(packed) - 1])
    whole = packed.rows(np.arange(len(packed)))
    assert np.array_equal(packed.rows(indices), whole[indices])
    with pytest.raises(IndexError):
        packed.rows(np.array([len(packed)]))


def test_documents_follow_one_another_with_separators_between(prepared: PreparedText):
    ids, offsets = prepared.tokens("train"), prepared.offsets("train")
    ends = offsets[1:].astype(np.int64) - 1
    assert np.all(ids[ends] == prepared.special_ids.sep)
    assert np.count_nonzero(ids == prepared.special_ids.sep) == len(ends) == prepared.train.documents
    assert len(ids) == offsets[-1] == prepared.train.tokens


def test_the_error_for_a_batch_too_large_has_numbers(prepared: PreparedText, tmp_path: Path):
    packed = PackedSequences(with_tokens(prepared, tmp_path, 1000), "train", 128)
    packed.require(7)
    with pytest.raises(DataError) as caught:
        packed.require(8)
    assert caught.value.code == "data_too_small"
    assert "1,000 tokens" in caught.value.message
    assert "1,016" in caught.value.message
    assert "batch_size" in caught.value.hint


def test_a_small_held_out_split_gives_one_shorter_row(prepared: PreparedText, tmp_path: Path):
    data = with_tokens(prepared, tmp_path, 5)
    packed = PackedSequences(data, "held_out", 128)
    packed.require(1)
    assert (len(packed), packed.sequence_length) == (1, 6)
    assert packed.rows(np.array([0])).tolist() == [[prepared.special_ids.cls, 10, 11, 12, 13, 14]]
    assert len(PackedSequences(data, "train", 128)) == 0


def test_a_split_without_tokens_gives_no_row(prepared: PreparedText, tmp_path: Path):
    packed = PackedSequences(with_tokens(prepared, tmp_path, 0), "held_out", 128)
    assert len(packed) == 0
    with pytest.raises(DataError):
        packed.require(1)


def test_a_row_needs_room_for_more_than_its_first_token(prepared: PreparedText):
    with pytest.raises(ValueError, match="at least 2"):
        PackedSequences(prepared, "train", 1)
