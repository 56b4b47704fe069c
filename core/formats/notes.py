"""Notes on how a file was read, for people. A note is not an error."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.formats.errors import printable

NoteCode = Literal[
    "columns_repeat",
    "file_is_held_out",
    "folders_are_classes",
    "folders_are_parts",
    "labels_not_used",
]

_NAMED = 5
_CHARACTERS = 60


@dataclass(frozen=True)
class Note:
    """``code`` is stable, ``message`` is a sentence."""

    code: NoteCode
    message: str
    params: Mapping[str, Any] = field(default_factory=dict)
    """What `message` is made of."""


def named(names: Iterable[str], most: int = _NAMED) -> dict[str, Any]:
    """The parameters of `listed`: the first names in sorted order, shortened, and how many ``more`` there are."""
    ordered = sorted(names)
    return {
        "names": [printable(name[:_CHARACTERS]) for name in ordered[:most]],
        "more": max(0, len(ordered) - most),
    }


def listed(names: Iterable[str], most: int = _NAMED) -> str:
    """``'a', 'b' and 3 more``: the first names in sorted order, shortened. Empty where there are none."""
    ordered = sorted(names)
    named = [repr(printable(name[:_CHARACTERS])) for name in ordered[:most]]
    if len(ordered) > most:
        named.append(f"{len(ordered) - most:,} more")
    return " and ".join(filter(None, [", ".join(named[:-1]), *named[-1:]]))
