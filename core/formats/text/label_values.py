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


class LabelFault(ValueError):
    """A value that cannot be read as a label. ``params`` is what the message is made of, with its ``case``."""

    def __init__(self, case: str, message: str, **params: Any) -> None:
        super().__init__(message)
        self.params = {"case": case, **params}


def label_of(value: Any, labels: TextLabels, separator: str | None = None) -> Label | None:
    """The label that a value stands for; None where it holds none (null, NaN, or an empty string).

    Args:
        labels: ``one``, ``several`` or ``number``.
        separator: Between the labels in a string of several. None: such a string is a JSON array, or one label.

    Raises:
        LabelFault: it cannot be read as such a label.
    """
    if labels == "number":
        return _number(value)
    if labels == "several":
        return _several(value, separator)
    if isinstance(value, list):
        if len(value) > 1:
            raise LabelFault(
                "several_labels",
                f"holds {len(value)} labels, and one is read; choose a task, or its setting, for several labels",
                labels=len(value),
            )
        value = value[0] if value else None
    return _class(value)


def _class(value: Any) -> str | None:
    if value is None or (isinstance(value, float | Decimal) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        if math.isinf(value):
            raise LabelFault("infinite", "is infinite; labels are finite numbers")
        if value == int(value):
            value = int(value)
    if isinstance(value, dict | list | bytes):
        found = _kind(value)
        raise LabelFault(
            "no_label", f"holds {found}, which is no label; labels are strings or numbers", found=found
        )
    name = printable(str(value)).strip()
    if len(name) > _LONGEST:
        raise LabelFault(
            "label_too_long",
            f"holds {len(name):,} characters, and the name of a class has {_LONGEST} at most",
            characters=len(name),
            limit=_LONGEST,
        )
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
        shown = _shown(text)
        raise LabelFault(
            "no_array",
            f"{shown} begins like a JSON array and is none; correct it, or set data.text.label_separator",
            value=shown,
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
        shown = _shown(value)
        raise LabelFault(
            "no_number", f"{shown} is no number; correct it, or choose a task for classes", value=shown
        ) from None
    if math.isnan(number):
        return None
    if math.isinf(number):
        raise LabelFault("infinite", "is infinite; labels are finite numbers")
    return number


def _kind(value: Any) -> str:
    return "an object" if isinstance(value, dict) else "a list" if isinstance(value, list) else "bytes"


def _shown(value: Any) -> str:
    return repr(printable(str(value)[:60]))
