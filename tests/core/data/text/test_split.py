"""What is held out depends on each document's content, and on nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data import DataError
from core.data.text.split import DUPLICATE, HELD_OUT, TRAIN, content_hash, split

documents = st.lists(st.text(min_size=1, max_size=5), max_size=40)
fractions = st.floats(0.01, 0.5)


@given(
    st.lists(st.integers(0, 99), min_size=20).map(lambda drawn: [*map(str, range(40, 80)), *map(str, drawn)]),
    documents,
)
def test_no_document_changes_sides_as_the_data_grows(before: list[str], more: list[str]):
    first = split(before, 0.3)
    second = split(before + more, 0.3)
    assert second.decisions[: len(before)] == first.decisions
    assert first.held_out.documents > 1  # by their hashes, not by the rule for few documents


@given(documents.map(lambda drawn: ["one", *drawn, "two"]), fractions)
def test_each_document_counts_once_and_both_parts_have_one(texts: list[str], fraction: float):
    result = split(texts, fraction)
    assert len(result.decisions) == len(texts)
    parts = {
        decision: [t for _, t in result.pick(texts, decision)] for decision in (TRAIN, HELD_OUT, DUPLICATE)
    }
    assert sorted(parts[TRAIN] + parts[HELD_OUT]) == sorted(set(texts))
    assert len(parts[DUPLICATE]) == result.duplicates
    for part, kept in ((result.train, parts[TRAIN]), (result.held_out, parts[HELD_OUT])):
        assert kept
        assert part.documents == len(kept)
        assert part.characters == sum(map(len, kept))
        assert part.bytes == sum(len(text.encode()) for text in kept)


def test_the_share_held_out_is_the_one_asked_for():
    result = split((str(i) for i in range(20_000)), 0.05)
    assert result.held_out.documents == pytest.approx(1000, abs=100)


@pytest.mark.parametrize(("fraction", "side"), [(1e-9, TRAIN), (0.5, HELD_OUT)])
def test_where_one_part_gets_all_the_smallest_hash_alone_is_held_out(fraction: float, side: int):
    few = sorted(map(str, range(1000)), key=lambda text: content_hash(text.encode()))[:3]
    assert (content_hash(few[-1].encode()) < fraction * 2**64) == (side == HELD_OUT)
    result = split(reversed(few), fraction)
    assert list(result.decisions) == [TRAIN, TRAIN, HELD_OUT]


def test_the_hash_is_one_for_all_time():
    # Another hash would move documents that earlier runs trained on into the held-out part of later ones.
    assert content_hash(b"seedbed") == 0x95981273AC5D56E0


@pytest.mark.parametrize("texts", [[], ["one"], ["one", "one"]])
def test_fewer_than_two_documents_are_too_few(texts: list[str]):
    with pytest.raises(DataError) as caught:
        split(texts, 0.1)
    assert caught.value.code == "data_too_small"
    assert caught.value.hint


@pytest.mark.parametrize("later", [["a", "b"], ["a", "b", "c", "d"]])
def test_data_that_changes_between_two_readings_is_noticed(later: list[str]):
    result = split(["a", "b", "c"], 0.1)
    with pytest.raises(DataError) as caught:
        list(result.pick(later, TRAIN, HELD_OUT))
    assert caught.value.code == "data_unreadable"
