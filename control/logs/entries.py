"""A structlog processor that bounds the size of each entry and removes secrets, before the entry is rendered."""

import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any

from structlog.typing import EventDict, WrappedLogger

from control.logs.secrets import clean
from core import tracebacks

_EVENT = 4_000
"""Bytes, as JSON, of the sentence of an entry."""
_EXCEPTION = 12_000
"""Of the traceback."""
_VALUE = 1_000
"""Of each other value."""
_NAME = 100
_FIELDS = 20
"""An entry has no more values than this: with all of them it stays below 40 kB."""

_ITEMS = 10
"""Of a list or a mapping."""
_LEVELS = 3

_FIRST = ("timestamp", "level", "logger", "event", "request_id", "job", "attempt")


def bounded(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """A structlog processor: bounds the entry's size, and replaces exceptions by text and secrets by a mark."""
    error = _error_of(entry.pop("exc_info", None))
    result: dict[str, Any] = {}
    for name, value in _in_order(entry):
        if len(result) == _FIELDS:
            result["left_out"] = len(entry) - _FIELDS
            break
        longest = _EVENT if name == "event" else _EXCEPTION if name == "exception" else _VALUE
        result[_text(str(name), _NAME)] = _plain(value, longest)
    if error is not None:
        result["exception"] = _text(tracebacks.describe(error), _EXCEPTION)
    return result


def _in_order(entry: EventDict) -> Iterator[tuple[str, Any]]:
    yield from ((name, entry[name]) for name in _FIRST if name in entry)
    yield from ((name, value) for name, value in entry.items() if name not in _FIRST and name != "stack_info")


def _error_of(exc_info: Any) -> BaseException | None:
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return next((part for part in exc_info if isinstance(part, BaseException)), None)
    return sys.exc_info()[1] if exc_info else None


def _plain(value: Any, longest: int) -> Any:
    plain = _reduced(value, longest, _LEVELS)
    if isinstance(plain, dict | list) and len(json.dumps(plain)) > longest:
        return _text(repr(plain), longest)
    return plain


def _reduced(value: Any, longest: int, levels: int) -> Any:
    if isinstance(value, str):
        return _text(value, longest)
    if isinstance(value, int | float) or value is None:
        return _number(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value):,} bytes"
    if isinstance(value, Mapping):
        return {_name(key): _reduced(item, _NAME, levels - 1) for key, item in _some(value.items(), levels)}
    if isinstance(value, list | tuple | AbstractSet):
        return [_reduced(item, _NAME, levels - 1) for item in _some(value, levels)]
    try:
        words = repr(value)
    except Exception:  # noqa: BLE001 - whatever a __repr__ raises, the log needs an entry
        words = f"<{type(value).__name__}>"
    return _text(words, longest)


def _number(value: int | float | None) -> int | float | str | None:  # noqa: PYI041 - integers have a bound of their own
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no such number
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return "an integer of more than 64 bits"
    return value


def _some(items: Iterable[Any], levels: int) -> Iterable[Any]:
    return islice(items, _ITEMS if levels else 0)


def _name(key: object) -> str:
    return _text(key if isinstance(key, str) else type(key).__name__, _NAME)


def _text(value: str, longest: int) -> str:
    """Of at most ``longest`` bytes as JSON, without control characters other than line ends and tabs."""
    text = clean(value, longest)
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)
    while (size := len(json.dumps(text))) > longest + 100:
        text = text[: len(text) * longest // size]
    return text
