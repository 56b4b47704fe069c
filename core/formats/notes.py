"""Notes on how a file was read, for people. A note is not an error."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

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


def listed(names: Iterable[str], most: int = _NAMED) -> str:
    """``'a', 'b' and 3 more``: the first names in sorted order, shortened. Empty where there are none."""
    ordered = sorted(names)
    named = [repr(printable(name[:_CHARACTERS])) for name in ordered[:most]]
    if len(ordered) > most:
        named.append(f"{len(ordered) - most:,} more")
    return " and ".join(filter(None, [", ".join(named[:-1]), *named[-1:]]))
