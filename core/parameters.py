"""The parameters of messages: what a sentence is made of, so that its code and these can be said in another language.

A code with several sentences has a parameter ``case`` that tells which one it is.
"""

import math
from collections.abc import Iterable, Mapping
from itertools import islice
from numbers import Integral, Real
from typing import Any

from core.characters import brief, without_objects

_CHARACTERS = 500
"""Most characters of a text; names and values may come from files and have any length."""
_ITEMS = 50
"""Most items of a list or mapping."""


def plain(params: Mapping[str, Any], *, items: int | None = _ITEMS) -> dict[str, Any]:
    """The parameters as JSON holds them: paths and exceptions as text, numbers as they are, long texts shortened.

    Args:
        items: Most items of a list or mapping; None: all.
    """
    return {name: _plain(value, items) for name, value in params.items()}


def _plain(value: Any, items: int | None) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else str(float(value))
    if isinstance(value, Mapping):
        return {brief(str(key)): _plain(inner, items) for key, inner in islice(value.items(), items)}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_plain(inner, items) for inner in islice(value, items)]
    return brief(without_objects(str(value)), _CHARACTERS)
