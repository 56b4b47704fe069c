"""Plain text is split into documents by one rule, for any division of the stream into pieces."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.formats.text.plain import MAX_CHARACTERS, MIN_CHARACTERS, split_text

# Runs of one character, so that few draws give texts longer than the lengths of the rule.
runs = st.tuples(
    st.sampled_from(["a", "é", "漢 ", "word ", "\n", "\n\n", "\n \t\n", "\f", " ", "line\n"]),
    st.sampled_from([1, 1, 2, 3, 50, 700, 2500, 9000]),
)
texts = st.lists(runs, max_size=25).map(lambda drawn: "".join(piece * times for piece, times in drawn))


def naive(text: str) -> list[str]:
    """A reference implementation of the rule: over the whole text, one character at a time."""
    found, start = [], 0
    while start < len(text):
        end = None
        for at in range(start, min(start + MAX_CHARACTERS, len(text))):
            if text[at] == "\f":
                end = at + 1
                break
            blank = (
                at >= start + MIN_CHARACTERS
                and text[at] == "\n"
                and re.compile(r"\n[ \t]*\n").match(text, at)
            )
            if blank and blank.end() <= start + MAX_CHARACTERS:
                end = blank.end()
                break
        if end is None:
            end = min(len(text), start + MAX_CHARACTERS)
            if end < len(text):
                window = text[start + MIN_CHARACTERS : end]
                cut = window.rfind("\n") if "\n" in window else window.rfind(" ")
                end = start + MIN_CHARACTERS + cut + 1 if cut >= 0 else end
        if text[start:end].strip():
            found.append(text[start:end].strip())
        start = end
    return found


@given(text=texts, data=st.data())
def test_cutting_the_stream_anywhere_changes_no_document(text: str, data: st.DataObject):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))
    edges = [0, *cuts, len(text)]
    chunks = [text[a:b] for a, b in itertools.pairwise(edges)]
    assert list(split_text(chunks)) == naive(text)


@given(texts)
def test_nothing_but_whitespace_is_lost(text: str):
    documents = list(split_text([text]))
    assert "".join("".join(documents).split()) == "".join(text.split())
    assert all(document.strip() and len(document) <= MAX_CHARACTERS for document in documents)


@given(texts, texts)
def test_text_added_at_the_end_changes_only_the_last_document(text: str, more: str):
    before = list(split_text([text]))
    kept = before[:-1]
    assert list(split_text([text, more]))[: len(kept)] == kept


def test_paragraphs_are_joined_until_there_is_enough_context():
    paragraph = "x" * 900
    documents = list(split_text(["\n\n".join([paragraph] * 7)]))
    assert [len(document) for document in documents] == [3 * 900 + 4, 3 * 900 + 4, 900]


def test_a_form_feed_always_ends_a_document():
    assert list(split_text(["one\ftwo\n\nthree\f\fend"])) == ["one", "two\n\nthree", "end"]


@pytest.mark.parametrize(
    ("unit", "first"),
    [("line of text\n", "\n"), ("word ", " "), ("x", "x")],
    ids=["line", "space", "nothing"],
)
def test_text_without_blank_lines_is_cut_at_the_best_place_there_is(unit: str, first: str):
    text = unit * (2 * MAX_CHARACTERS // len(unit))
    head = next(split_text([text]))
    assert MAX_CHARACTERS - len(unit) <= len(head) <= MAX_CHARACTERS
    assert text[len(head)] == first
