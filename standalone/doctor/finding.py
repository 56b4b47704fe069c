"""What a check found."""

from dataclasses import dataclass
from typing import Literal

GIB = 1 << 30
LOW_BYTES = 2 * GIB
"""Less free space than this will not take a larger checkpoint."""

Verdict = Literal["ok", "warn", "bad"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        verdict: ``warn``: the service works, and something will surprise later; ``bad``: it does not work.
        advice: What to do about it, in one sentence; empty where there is nothing to do.
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


def room(what: str, found: str, free: int | None) -> Finding:
    """Something that works, judged by the bytes that are left there."""
    if free is None:
        return ok(what, found)
    told = f"{found}, {gib(free)} free"
    return ok(what, told) if free >= LOW_BYTES else warn(what, told, "Free space there.")
