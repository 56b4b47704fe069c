"""What an archive holds beside what is read of it."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.formats.names import is_hidden, is_left_behind

NAMES_KEPT = 100
KINDS_KEPT = 20
_CHARACTERS_KEPT = 255
_KINDS_COUNTED = 1000
_ENDING = re.compile(r"(\.tar)?\.[a-z0-9_+-]{1,15}(\.(gz|bz2|xz|zst))?$")

EMPTY = "empty files"
HIDDEN = "hidden files"
LEFT_BEHIND = "system files"
"""What systems leave behind."""
NO_ENDING = "without an ending"
OTHERS = "other endings"


@dataclass
class PassedOver:
    """Files that are not read: counted all, by kind, the first 100 by name; memory does not grow with them."""

    count: int = 0
    names: list[str] = field(default_factory=list)
    """The first of them, each shortened to 255 characters; without hidden ones."""
    _kinds: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, kind: str | None = None) -> None:
        """Note one file, of the kind that its name ends in unless another is given."""
        self.count += 1
        hidden = is_hidden(name)
        if kind is None:
            kind = LEFT_BEHIND if is_left_behind(name) else HIDDEN if hidden else ending(name)
        if kind not in self._kinds and len(self._kinds) >= _KINDS_COUNTED:
            kind = OTHERS
        self._kinds[kind] += 1
        if len(self.names) < NAMES_KEPT and not hidden:
            self.names.append(name[:_CHARACTERS_KEPT])

    def kinds(self) -> dict[str, int]:
        """How many there are of each kind, the most frequent first; beyond the first 20, all others as one."""
        return first_kinds(self._kinds)

    @property
    def told(self) -> str:
        """`` (but 3 other files: 2 .pdf, 1 .doc)``, for an error where nothing else is there; else nothing."""
        if not self.count:
            return ""
        return f" (but {self.count} other file{'s' * (self.count != 1)}: {files_of(self.kinds())})"


def first_kinds(kinds: Mapping[str, int]) -> dict[str, int]:
    """The most frequent 20 kinds; all others are added up as ``other endings``."""
    ranked = sorted(
        ((kind, number) for kind, number in kinds.items() if kind != OTHERS),
        key=lambda one: (-one[1], one[0]),
    )
    found = dict(ranked[:KINDS_KEPT])
    rest = sum(number for _, number in ranked[KINDS_KEPT:]) + kinds.get(OTHERS, 0)
    return found | ({OTHERS: rest} if rest else {})


def files_of(kinds: Mapping[str, int]) -> str:
    """``3 .pdf, 1 without an ending``."""
    return ", ".join(f"{number:,} {kind}" for kind, number in kinds.items())


def ending(name: str) -> str:
    """The kind of a file, as its name ends: ``.pdf``, ``.tar.gz``."""
    base = name.rsplit("/", 1)[-1].lower()
    if "." not in base.strip("."):
        return NO_ENDING
    match = _ENDING.search(base)
    return match[0] if match else OTHERS
