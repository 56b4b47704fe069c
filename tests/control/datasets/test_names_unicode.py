"""File names with characters from all of Unicode: ordinary text is accepted, harmful characters are refused with the reason."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.datasets.names import check_file_name
from control.errors import Invalid

DIRECTION = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def refused(name: str) -> str | None:
    try:
        check_file_name(name)
    except Invalid as error:
        error.detail.encode()  # it can be sent
        return error.detail
    return None


@pytest.mark.parametrize(
    "name",
    [
        "Screenshot 2026-01-01 at 9.41.00\u202fAM.png",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt",
        "\N{WOMAN}\u200d\N{PERSONAL COMPUTER}.jsonl",
        "\N{WAVING BLACK FLAG}\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f.txt",
        "Cafe\u0301.txt",
        "Caf\u00e9.txt",
        "\u05d0\u200f(1).txt",
        "a\u00a0b.csv",
        "\ue000.txt",
        "\U0001fae9.txt",
        "co\u00adoperate.txt",
    ],
)
def test_names_in_many_scripts_are_accepted(name: str) -> None:
    assert refused(name) is None


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\0.txt", "U+0000"),
        ("a\x1b[2J.txt", "U+001B"),
        ("a\x85.txt", "U+0085"),
        ("a\u2028b.txt", "U+2028"),
        ("a\u202egpj.exe", "changes the direction"),
        ("a\u2066b.txt", "changes the direction"),
        ("a\ud800.txt", "surrogate"),
        ("a\ufffe.txt", "not a character"),
        ("a\U0010ffff.txt", "not a character"),
        ("\u200d\u200c", "can be seen"),
        ("\u00e9" * 128, "255 bytes"),
        ("\N{GRINNING FACE}" * 64, "255 bytes"),
    ],
)
def test_the_error_gives_the_reason(name: str, reason: str) -> None:
    assert reason in (refused(name) or "")


@given(st.characters(codec=None))
def test_every_character_is_accepted_or_refused_by_its_category(character: str) -> None:
    category = unicodedata.category(character)
    number = ord(character)
    harmful = (
        category in {"Cc", "Cs", "Zl", "Zp"}
        or character in DIRECTION + "/\\\ufffd"
        or 0xFDD0 <= number <= 0xFDEF
        or number & 0xFFFE == 0xFFFE
    )
    assert (refused(f"a{character}a.txt") is not None) == harmful
