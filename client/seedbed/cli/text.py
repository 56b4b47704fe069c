"""Formats numbers, sizes and times for people."""

from datetime import UTC, datetime

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size(count: float) -> str:
    """``1.2 GB``"""
    for unit in _UNITS[:-1]:
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} {_UNITS[-1]}"


def duration(seconds: float) -> str:
    """``35 s``, ``2 min 5 s``, ``3 h 20 min``, ``2 d 4 h``"""
    whole = round(seconds)
    for large, small, names in ((86400, 3600, ("d", "h")), (3600, 60, ("h", "min")), (60, 1, ("min", "s"))):
        if whole >= large:
            rest = whole % large // small
            return f"{whole // large} {names[0]}" + (f" {rest} {names[1]}" if rest else "")
    return f"{whole} s"


def ago(moment: datetime | None) -> str:
    """``5 min ago``"""
    if moment is None:
        return "never"
    seconds = (datetime.now(UTC) - moment).total_seconds()
    for length, name in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{int(seconds // length)} {name} ago"
    return f"{max(0, int(seconds))} s ago"


def number(value: float | str | None) -> str:
    """Four significant digits; thousands in groups."""
    if value is None:
        return "not finite"
    if isinstance(value, str):
        return value
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def parameters(count: int | None, trained: int | None) -> str | None:
    """``12,345``, and where not all of them are trained also how many are: ``12,345, of which 300 (2.43 %) are trained``."""
    if count is None or trained in {None, count}:
        return None if count is None else f"{count:,}"
    return f"{count:,}, of which {trained:,} ({100 * (trained or 0) / max(1, count):.3g} %) are trained"


def metric(name: str) -> str:
    """``eval/masked_accuracy`` → ``masked accuracy``"""
    return name.rpartition("/")[2].replace("_", " ")


def total(steps: int | None) -> str:
    """A number of steps that is unknown until the data of a job that gives epochs are prepared."""
    return "?" if steps is None else f"{steps:,}"
