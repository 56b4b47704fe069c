"""Patterns in specs: which are refused, and that none takes long."""

import pytest

from core.spec.patterns import find_group
from core.spec.problems import SpecError, validate


def _job(pattern: str) -> dict[str, object]:
    return {
        "name": "x",
        "task": {"kind": "masked_spectrogram"},
        "data": {"audio": {"group_pattern": pattern}},
        "training": {"steps": 1},
    }


@pytest.mark.parametrize(
    ("pattern", "path", "group"),
    [
        (r"_(?P<group>[a-z]+)_", "7/7_george_12.wav", "george"),
        (r"^(?P<group>[^/]+)/", "anna/1.wav", "anna"),
        (r"(?i)(?P<group>GEORGE)", "7_george.wav", "george"),
        (r"(?P<group>x)?george", "7_george.wav", None),
        (r"(?P<group>\p{L}+)\.wav$", "1_Ärztin.wav", "Ärztin"),
        (r"(?P<group>z)", "a.wav", None),
        (r"(?P<group>b+)", "\udcff_bb.wav", "bb"),
    ],
)
def test_a_group_is_found(pattern: str, path: str, group: str | None) -> None:
    assert find_group(pattern, path) == group


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?P<group>(a+)+)$",
        r"(?P<group>(a|aa)+)$",
        r"(?P<group>(.*a){20})$",
        r"(?P<group>([a-zA-Z]+)*[0-9])$",
        r"(?P<group>(a?){30}a{30})$",
    ],
)
def test_a_pattern_that_backtracking_never_finishes_is_searched_in_linear_time(pattern: str) -> None:
    """Each takes Python's `re` longer than the whole test suite; a test that hangs has failed."""
    assert find_group(pattern, "a" * 100_000 + "!") is None


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        (r"(?P<group>a", "no regular expression"),
        (r"(?=a)(?P<group>b)", "without look-around"),
        (r"(?P<group>.)\1", "back references"),
        (r"(?P<group>((a{100}){100}){100})", "no regular expression"),
        (r"(?P<name>a)", "as group"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_with_the_reason(pattern: str, problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        validate(_job(pattern))
    assert caught.value.problems[0].param == "data.audio.group_pattern"
    assert problem in caught.value.problems[0].message
