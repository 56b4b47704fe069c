"""`Finding`: the result of one check."""

from dataclasses import dataclass
from typing import Literal

GIB = 1 << 30
LOW_BYTES = 2 * GIB
"""Free space in bytes below which a check warns: a large checkpoint may not fit."""

Verdict = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        what: What was checked.
        verdict: ``ok``; ``warn``: the service works now, but may fail later; ``bad``: it does not work.
        found: What the check found.
        advice: What to do about it, in one sentence; empty if there is nothing to do.
    """

    what: str
    verdict: Verdict
    found: str
    advice: str = ""


def ok(what: str, found: str) -> Finding:
    return Finding(what, "ok", found)


def warn(what: str, found: str, advice: str) -> Finding:
    return Finding(what, "warn", found, advice)


def bad(what: str, found: str, advice: str) -> Finding:
    return Finding(what, "bad", found, advice)


def gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"


def with_free_space(what: str, found: str, free: int | None) -> Finding:
    """The finding for a store that works: ``ok``, or ``warn`` if fewer than `LOW_BYTES` bytes are free."""
    if free is None:
        return ok(what, found)
    found = f"{found}, {gib(free)} free"
    return ok(what, found) if free >= LOW_BYTES else warn(what, found, "Free space there.")
