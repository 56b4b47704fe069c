"""Class labels from paths, and natural sort order for class names."""

import re
from collections.abc import Iterable

from core.formats.containers.layout import Folders

_DIGITS = re.compile(r"(\d+)")


def parse_path(file: str, member: str | None = None) -> tuple[str | None, bool]:
    """The class of one sample, and whether it is held out, by its path alone: `Layout.place` for a tree of only this sample."""
    folders = Folders(file)
    folders.add(file if member is None else member)
    return folders.layout().place(file, member)


def natural_order(names: Iterable[str]) -> list[str]:
    """Names sorted with numbers by their value (natural sort order): ``2`` before ``10``."""
    return sorted(names, key=lambda name: ([_rank(part) for part in _DIGITS.split(name)], name))


def _rank(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part)
