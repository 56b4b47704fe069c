"""Counts the files of an archive that are not read."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from core.formats.names import is_hidden, is_system_file

NAMES_KEPT = 100
KINDS_KEPT = 20
_CHARACTERS_KEPT = 255
_KINDS_COUNTED = 1000
_ENDING = re.compile(r"(\.tar)?\.[a-z0-9_+-]{1,15}(\.(gz|bz2|xz|zst))?$")

EMPTY = "empty files"
HIDDEN = "hidden files"
SYSTEM_FILES = "system files"
"""Files that operating systems write for themselves."""
NO_ENDING = "without an ending"
OTHERS = "other endings"


@dataclass
class PassedOver:
    """Files that are not read: all are counted by kind, the first 100 are named. Memory use does not grow with their number."""

    count: int = 0
    names: list[str] = field(default_factory=list)
    """The first 100 names, each cut to 255 characters, without hidden files."""
    _kinds: Counter[str] = field(default_factory=Counter)

    def add(self, name: str, kind: str | None = None) -> None:
        """Count one file. Its kind is the ending of its name unless another is given."""
        self.count += 1
        hidden = is_hidden(name)
        if kind is None:
            kind = SYSTEM_FILES if is_system_file(name) else HIDDEN if hidden else ending(name)
        if kind not in self._kinds and len(self._kinds) >= _KINDS_COUNTED:
            kind = OTHERS
        self._kinds[kind] += 1
        if len(self.names) < NAMES_KEPT and not hidden:
            self.names.append(name[:_CHARACTERS_KEPT])

    def take_back(self, name: str) -> None:
        """Uncount a file that was added before: it is read after all."""
        self.count -= 1
        kind = ending(name) if ending(name) in self._kinds else OTHERS
        self._kinds[kind] -= 1
        if not self._kinds[kind]:
            del self._kinds[kind]
        if name[:_CHARACTERS_KEPT] in self.names:
            self.names.remove(name[:_CHARACTERS_KEPT])

    def kinds(self) -> dict[str, int]:
        """The number of files of each kind, the most frequent first. After the first 20, all others are one kind."""
        return first_kinds(self._kinds)

    @property
    def description(self) -> str:
        """`` (but 3 other files: 2 .pdf, 1 .doc)``, for an error message where no other file is there; empty without such files."""
        if not self.count:
            return ""
        return f" (but {self.count} other file{'s' * (self.count != 1)}: {files_of(self.kinds())})"


def first_kinds(kinds: Mapping[str, int]) -> dict[str, int]:
    """The 20 most frequent kinds; all others are added up as ``other endings``."""
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
    """The kind of a file by the ending of its name: ``.pdf``, ``.tar.gz``."""
    base = name.rsplit("/", 1)[-1].lower()
    if "." not in base.strip("."):
        return NO_ENDING
    match = _ENDING.search(base)
    return match[0] if match else OTHERS
