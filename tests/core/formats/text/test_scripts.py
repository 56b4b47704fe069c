"""Counting letters by script."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.formats.text.scripts import OTHER, ScriptCounter, script_of


def counts(*texts: str) -> dict[str, int]:
    counter = ScriptCounter()
    for text in texts:
        counter.add(text.encode())
    return counter.counts()


def test_letters_count_and_nothing_else_does():
    assert counts("Hello, wörld 123!", "Привет, мир", "ελ", "日本", "ひカ", "한국") == {
        "Cyrillic": 9,
        "Latin": 10,
        "Greek": 2,
        "Han": 2,
        "Hangul": 2,
        "Hiragana": 1,
        "Katakana": 1,
    }
    assert list(counts("ab日")) == ["Latin", "Han"]
    assert counts("12 — !\n") == {}


@given(st.text())
def test_each_letter_counts_once(text: str):
    assert sum(counts(text).values()) == sum(map(str.isalpha, text))


# For all but a few letters, Unicode's names begin with the script.
@pytest.mark.parametrize(
    ("script", "name"),
    [
        (script, script.upper())
        for script in (
            "Latin", "Greek", "Cyrillic", "Armenian", "Hebrew", "Arabic", "Devanagari", "Bengali", "Tamil",
            "Thai", "Georgian", "Hangul", "Ethiopic", "Khmer", "Hiragana", "Katakana",
        )
    ] + [("Han", "CJK")],
)  # fmt: skip
def test_letters_of_the_basic_plane_are_named_after_their_script(script: str, name: str):
    letters = [
        c for c in map(chr, range(0xD800)) if c.isalpha() and unicodedata.name(c, "").startswith(f"{name} ")
    ]
    assert len(letters) > 30
    told = [script_of(letter) for letter in letters]
    assert told.count(script) / len(told) > 0.95


def test_other_blocks_count_as_other():
    assert script_of("\U00010400") == OTHER
    assert script_of("\u2c00") == OTHER
