"""Reads labels from the values of a table's column, or from the names of folders."""

import json
import math
from decimal import Decimal
from typing import Any

from core.formats.errors import printable
from core.spec.text_data import TextLabels

Label = str | float | tuple[str, ...]
"""A class, a number, or a set of classes (sorted, without repeats)."""

_LONGEST = 255
"""Characters of a class name, at most."""


def label_of(value: Any, labels: TextLabels, separator: str | None = None) -> Label | None:
    """The label that a value stands for; None where it holds none (null, NaN, or an empty string).

    Args:
        labels: ``one``, ``several`` or ``number``.
        separator: Between the labels in a string of several. None: such a string is a JSON array, or one label.

    Raises:
        ValueError: it cannot be read as such a label.
    """
    if labels == "number":
        return _number(value)
    if labels == "several":
        return _several(value, separator)
    if isinstance(value, list):
        if len(value) > 1:
            raise ValueError(f"holds {len(value)} labels, and one is read; choose labels: several")
        value = value[0] if value else None
    return _class(value)


def _class(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal) and value == int(value):
        value = int(value)
    if isinstance(value, dict | list | bytes):
        raise ValueError(f"holds {_kind(value)}, which is no label; labels are strings or numbers")  # noqa: TRY004 - the file's fault
    name = printable(str(value)).strip()
    if len(name) > _LONGEST:
        raise ValueError(f"holds {len(name):,} characters, and the name of a class has {_LONGEST} at most")
    return name or None


def _several(value: Any, separator: str | None) -> tuple[str, ...] | None:
    if isinstance(value, str):
        if not value.strip():
            return None
        if separator is not None:
            value = value.split(separator)
        elif value.lstrip().startswith("["):
            value = _array(value)
    if not isinstance(value, list):
        value = [value]
        if _class(value[0]) is None:
            return None
    return tuple(sorted({name for one in value if (name := _class(one)) is not None}))


def _array(text: str) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise ValueError(  # noqa: TRY004 - the file's fault
            f"{_shown(text)} begins like a JSON array and is none; correct it, or set data.text.label_separator"
        )
    return value


def _number(value: Any) -> float | None:
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{_shown(value)} is no number; correct it, or choose labels: one") from None
    if math.isnan(number):
        return None
    if math.isinf(number):
        raise ValueError("is infinite; labels are finite numbers")
    return number


def _kind(value: Any) -> str:
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "bytes"


def _shown(value: Any) -> str:
    return repr(printable(str(value)[:60]))
