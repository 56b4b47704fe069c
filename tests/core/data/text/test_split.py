"""Whether a document is held out depends only on its content."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data import DataError
from core.data.text import split as module
from core.data.text.documents import Piece
from core.data.text.split import DUPLICATE, HELD_OUT, TRAIN, Split, with_cut_measured
from core.data.text.split import split as split_records
from core.data.text.survey import Records, survey
from core.formats.content import content_hash
from core.spec.data import DataSpec

documents = st.lists(st.text(min_size=1, max_size=5), max_size=40)
fractions = st.floats(0.01, 0.5)


def whole(texts: Iterable[str]) -> list[Piece]:
    return [(text, True) for text in texts]


def split(texts: Iterable[str], fraction: float, held_out: str = "by_hash") -> Split:
    return split_pieces(whole(texts), fraction, held_out)


def split_pieces(pieces: list[Piece], fraction: float, held_out: str) -> Split:
    spec = DataSpec.model_validate({"held_out": held_out, "held_out_fraction": fraction})
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "records")
        survey(pieces, path)
        return with_cut_measured(split_records(Records(path), spec), pieces)


def picked(result: Split, pieces: list[Piece], *decisions: int) -> list[str]:
    """The picked documents, with their pieces joined."""
    found, text = [], ""
    for one in result.pick(pieces, *decisions):
        text += one.text
        if one.ends:
            found.append(text)
            text = ""
    assert not text
    return found


@given(
    st.lists(st.integers(0, 99), min_size=20).map(lambda drawn: [*map(str, range(40, 80)), *map(str, drawn)]),
    documents,
)
def test_no_document_changes_its_split_as_the_data_grows(before: list[str], more: list[str]):
    first = split(before, 0.3)
    second = split(before + more, 0.3)
    assert list(second.decisions[: len(before)]) == list(first.decisions)
    assert first.held_out.documents > 1  # chosen by hash, not by the rule for few documents


@given(documents.map(lambda drawn: ["one", *drawn, "two"]), fractions)
def test_each_document_counts_once_and_both_splits_have_one(texts: list[str], fraction: float):
    result = split(texts, fraction)
    assert len(result.decisions) == len(texts)
    parts = {decision: picked(result, whole(texts), decision) for decision in (TRAIN, HELD_OUT, DUPLICATE)}
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
def test_if_one_split_gets_all_only_the_smallest_hash_is_held_out(fraction: float, side: int):
    few = sorted(map(str, range(1000)), key=lambda text: content_hash(text.encode()))[:3]
    assert (content_hash(few[-1].encode()) < fraction * 2**64) == (side == HELD_OUT)
    result = split(reversed(few), fraction)
    assert list(result.decisions) == [TRAIN, TRAIN, HELD_OUT]


def test_the_hash_function_never_changes():
    # Another hash function would hold out documents that earlier runs trained on.
    assert content_hash(b"seedbed") == 0x95981273AC5D56E0


@pytest.mark.parametrize("texts", [[], ["one"], ["one", "one"]])
def test_fewer_than_two_documents_are_too_few(texts: list[str]):
    with pytest.raises(DataError) as caught:
        split(texts, 0.1)
    assert caught.value.code == "data_too_small"
    assert caught.value.hint


@pytest.mark.parametrize("later", [["a", "b"], ["a", "b", "c", "d"]])
def test_data_that_changes_between_two_passes_is_detected(later: list[str]):
    result = split(["a", "b", "c"], 0.1)
    with pytest.raises(DataError) as caught:
        list(result.pick(whole(later), TRAIN, HELD_OUT))
    assert caught.value.code == "data_unreadable"


@given(documents, st.integers(1, 5))
def test_duplicates_found_by_buckets_are_the_same(texts: list[str], size: int):
    texts = ["one", *texts, "two"]
    expected = split(texts, 0.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_BUCKET_RECORDS", size)
        patch.setattr("core.data.text.survey._READ_RECORDS", 3)
        found = split(texts, 0.3)
    assert list(found.decisions) == list(expected.decisions)
    assert (found.train, found.held_out) == (expected.train, expected.held_out)
    seen = [texts.index(text) == number for number, text in enumerate(texts)]
    assert [bool(decision != DUPLICATE) for decision in found.decisions] == seen


# Each text is the list of the pieces of one document.
in_pieces = st.lists(st.lists(st.text(min_size=1, max_size=4), min_size=1, max_size=4), max_size=12)


@given(in_pieces, fractions, st.integers(1, 7))
def test_the_tail_is_the_end_of_the_text(drawn: list[list[str]], fraction: float, chunk: int):
    drawn = [["first"], *drawn]
    pieces = [(text, at == len(parts) - 1) for parts in drawn for at, text in enumerate(parts)]
    texts = list(dict.fromkeys("".join(parts) for parts in drawn))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.data.text.survey._READ_RECORDS", chunk)
        result = split_pieces(pieces, fraction, "tail")
    text = "".join(texts)
    border = min(max(int(len(text) * (1 - fraction)), 1), len(text) - 1)
    train, held_out = picked(result, pieces, TRAIN), picked(result, pieces, HELD_OUT)
    assert ("".join(train), "".join(held_out)) == (text[:border], text[border:])
    assert len(train) + len(held_out) == len(texts) + (result.cut is not None)
    for part, kept in ((result.train, train), (result.held_out, held_out)):
        assert part.documents == len(kept)
        assert part.characters == sum(map(len, kept))
        assert part.bytes == sum(len(text.encode()) for text in kept)


def test_a_single_character_has_no_tail():
    with pytest.raises(DataError) as caught:
        split(["a", "a"], 0.1, "tail")
    assert caught.value.code == "data_too_small"
