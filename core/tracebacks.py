"""Formats exceptions as text of bounded length, for logs: without local variables, and for exceptions of any kind."""

import linecache
import sys
import threading
from collections import deque
from collections.abc import Iterator
from types import TracebackType
from typing import TextIO

LONGEST = 12_000
"""Length of the whole text, characters."""
_MESSAGE = 1_000
"""Length of one exception's own message, and of one of its notes, characters."""
_SOURCE_LINE = 150
_OUTER_FRAMES = 3
_INNER_FRAMES = 12
_CHAIN = 6
"""Exceptions of a chain that are shown: the newest ones, and the first."""
_CHAIN_LOOKED_AT = 1_000
_MEMBERS = 3
"""Members of a group that are shown, and levels of nested groups."""
_NOTES = 3

_CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"
_DURING = "\nDuring handling of the above exception, another exception occurred:\n\n"


def describe(error: BaseException, *, longest: int = LONGEST) -> str:
    """The traceback of ``error`` in Python's format, with at most ``longest`` characters.

    Long chains, deep stacks, wide groups and long messages are shortened, and the text says so. The exception itself is always
    there with its innermost frames. Time and memory do not grow with the sizes of chains and groups. An exception that
    ``__str__`` raises is caught.
    """
    newest = shortened("".join(_one(error, levels=_MEMBERS)), longest - 200)
    parts = deque([newest])
    room = longest - len(newest)
    chain, more = _causes(error)
    for number, (cause, link) in enumerate(chain):
        text = "".join(_one(cause, levels=1)) + link
        if number == len(chain) - 1 and more:
            text += f"\n[{more} exceptions between these two are left out]\n\n"
        if len(text) > room - 100:
            parts.appendleft("[earlier exceptions are left out]\n\n")
            break
        parts.appendleft(text)
        room -= len(text)
    return "".join(parts)


def message(error: BaseException, longest: int = _MESSAGE) -> str:
    """The message of ``error``, with at most ``longest`` characters."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a __str__ may raise anything, and the log needs an entry
        text = "<its message cannot be formatted>"
    return shortened(text, longest)


def shortened(text: str, longest: int) -> str:
    """``text``; if it is longer than the limit, its beginning and its whole length."""
    if len(text) <= longest:
        return text
    note = f"… [{len(text):,} characters in all]"
    return text[: max(0, longest - len(note))] + note


def print_uncaught(
    _kind: type[BaseException] | None,
    error: BaseException | None,
    _traceback: TracebackType | None = None,
    *,
    file: TextIO | None = None,
) -> None:
    """Write the bounded traceback to standard error. For use as ``sys.excepthook``."""
    if error is not None:
        stream = sys.stderr if file is None else file
        stream.write(describe(error).encode("utf-8", "backslashreplace").decode("utf-8").rstrip("\n") + "\n")


def install() -> None:
    """Have this process write uncaught exceptions of all its threads in this format."""
    sys.excepthook = print_uncaught
    threading.excepthook = lambda uncaught: print_uncaught(uncaught.exc_type, uncaught.exc_value)
    sys.unraisablehook = lambda uncaught: print_uncaught(uncaught.exc_type, uncaught.exc_value)


def _causes(error: BaseException) -> tuple[list[tuple[BaseException, str]], int]:
    """The exceptions that led to ``error``, each with the line that joins it to the next: newest first, the first of the chain last.

    Returns:
        The exceptions to show, and how many are left out before the last of them.
    """
    found: list[tuple[BaseException, str]] = []
    seen = {id(error)}
    current = error
    while len(found) < _CHAIN_LOOKED_AT:
        cause, link = current.__cause__, _CAUSED
        if cause is None and not current.__suppress_context__:
            cause, link = current.__context__, _DURING
        if cause is None or id(cause) in seen:
            break
        seen.add(id(cause))
        found.append((cause, link))
        current = cause
    if len(found) < _CHAIN:
        return found, 0
    return [*found[: _CHAIN - 2], found[-1]], len(found) - _CHAIN + 1


def _one(error: BaseException, *, levels: int) -> Iterator[str]:
    """One exception without its causes. Members of a group are shown down to ``levels``."""
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from _frames(error.__traceback__)
    kind = type(error)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    said = message(error)
    name = shortened(name, _SOURCE_LINE)
    yield f"{name}: {said}\n" if said else f"{name}\n"
    notes = getattr(error, "__notes__", None)
    if isinstance(notes, list):
        for note in notes[:_NOTES]:
            if isinstance(note, str):
                yield shortened(note, _MESSAGE) + "\n"
    if isinstance(error, BaseExceptionGroup):
        members = error.exceptions
        shown = members[:_MEMBERS] if levels else ()
        for number, member in enumerate(shown, start=1):
            yield f"  +---- {number} of {len(members)}\n"
            yield shortened(
                "".join(f"  | {line}\n" for line in "".join(_one(member, levels=levels - 1)).splitlines()),
                LONGEST // (_MEMBERS + 1),
            )
        if len(members) > len(shown):
            yield f"  +---- [{len(members) - len(shown)} more are left out]\n"


def _frames(traceback: TracebackType) -> Iterator[str]:
    outer: list[TracebackType] = []
    inner: deque[TracebackType] = deque(maxlen=_INNER_FRAMES)
    count = 0
    current: TracebackType | None = traceback
    while current is not None:
        count += 1
        if len(outer) < _OUTER_FRAMES:
            outer.append(current)
        else:
            inner.append(current)
        current = current.tb_next
    yield from map(_frame, outer)
    if count > len(outer) + len(inner):
        yield f"  [{count - len(outer) - len(inner)} frames are left out]\n"
    yield from map(_frame, inner)


def _frame(traceback: TracebackType) -> str:
    frame = traceback.tb_frame
    code = frame.f_code
    linecache.lazycache(code.co_filename, frame.f_globals)
    source = linecache.getline(code.co_filename, traceback.tb_lineno, frame.f_globals).strip()
    where = (
        f'  File "{code.co_filename[-_SOURCE_LINE:]}", line {traceback.tb_lineno}, in {code.co_name[:100]}\n'
    )
    return f"{where}    {shortened(source, _SOURCE_LINE)}\n" if source else where
