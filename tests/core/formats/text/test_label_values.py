"""Labels are read from values as people write them, and what cannot be read is refused with a reason."""

from decimal import Decimal

import pytest

from core.formats.text.label_values import label_of


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("spam", "spam"),
        (" spam ", "spam"),
        (3, "3"),
        (3.0, "3"),
        (2.5, "2.5"),
        (Decimal("4.00"), "4"),
        (True, "true"),
        (["spam"], "spam"),
        ([], None),
        ("", None),
        ("  ", None),
        (None, None),
        (float("nan"), None),
        (Decimal("nan"), None),
        ("nan", "nan"),
    ],
)
def test_one_label(value: object, label: str | None):
    assert label_of(value, "one") == label


@pytest.mark.parametrize(
    ("value", "separator", "labels"),
    [
        (["b", "a", "b"], None, ("a", "b")),
        ([1, 2.0], None, ("1", "2")),
        ('["b", "a"]', None, ("a", "b")),
        ("[]", None, ()),
        ([], None, ()),
        ("b|a| ", "|", ("a", "b")),
        ("a, b", None, ("a, b",)),
        ("", "|", None),
        (None, None, None),
        (7, None, ("7",)),
    ],
)
def test_several_labels(value: object, separator: str | None, labels: tuple[str, ...] | None):
    assert label_of(value, "several", separator) == labels


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("2.5", 2.5),
        (3, 3.0),
        ([1], 1.0),
        (Decimal("0.1"), 0.1),
        ("", None),
        (None, None),
        (float("nan"), None),
    ],
)
def test_numbers(value: object, number: float | None):
    assert label_of(value, "number") == number


@pytest.mark.parametrize(
    ("value", "labels", "reason"),
    [
        (["a", "b"], "one", "holds 2 labels, and one is read"),
        ({"a": 1}, "one", "holds an object"),
        ("x" * 300, "one", "300 characters"),
        (float("inf"), "one", "is infinite"),
        (Decimal("-inf"), "one", "is infinite"),
        ([1, float("inf")], "several", "is infinite"),
        ('["a"', "several", "begins like a JSON array"),
        ([{"a": 1}], "several", "holds an object"),
        ("many", "number", "'many' is no number"),
        ([1, 2], "number", "is no number"),
        (float("inf"), "number", "is infinite"),
        ("1e999", "number", "is infinite"),
        (10**400, "number", "is no number"),
    ],
)
def test_what_is_no_label_is_refused(value: object, labels: str, reason: str):
    with pytest.raises(ValueError, match=reason):
        label_of(value, labels)  # type: ignore[arg-type]
