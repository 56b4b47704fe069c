"""The different samples of a file, noted by inspection as far as they are few.

A job needs a number of different samples in its training part. With these notes admission can tell that number beforehand,
by the rules that preparation follows; a file with more samples than are noted holds enough for any ordinary batch.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

KEPT = 1_000
"""Different samples noted of one file."""
_PATH_CHARACTERS = 1_000
_HEX = 16


@dataclass
class Noted:
    """One of the different samples. What a modality does not know stays 0."""

    content: int
    """64 bits of hash."""
    count: int = 1
    """How often it is there."""
    set_aside: bool = False
    """Whether the dataset itself holds it out (images: in any of its places, recordings: in its first one)."""
    characters: int = 0
    size: int = 0
    """Of text, bytes of UTF-8; of a recording, its samples (numbers)."""
    rate: int = 0
    """Hz."""
    path: str = ""


@dataclass
class Ledger:
    """Notes of different samples, in the order in which they were met."""

    complete: bool = True
    """Whether all are noted."""
    entries: dict[int, Noted] = field(default_factory=dict)

    def add(self, sample: Noted) -> None:
        """Note a sample that was met; one that was met before counts once more."""
        before = self.entries.get(sample.content)
        if before is not None:
            before.count += sample.count
        elif len(self.entries) < KEPT and len(sample.path) <= _PATH_CHARACTERS:
            self.entries[sample.content] = sample
        else:
            self.complete = False

    def facts(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "complete": self.complete,
            "samples": [
                [
                    f"{one.content:0{_HEX}x}",
                    one.count,
                    int(one.set_aside),
                    one.characters,
                    one.size,
                    one.rate,
                    one.path,
                ]
                for one in self.entries.values()
            ],
        }

    @classmethod
    def of(cls, facts: Mapping[str, Any] | None) -> "Ledger":
        """From what `facts` gave; without any, nothing is known."""
        if not facts:
            return cls(complete=False)
        found = cls(complete=bool(facts["complete"]))
        for content, count, set_aside, *rest in facts["samples"]:
            number = int(content, 16)
            found.entries[number] = Noted(number, count, bool(set_aside), *rest)
        return found


def storable(path: str) -> str:
    """A path as a database takes it: what is no character becomes a question mark, as `core.spec.patterns` reads it."""
    return path.encode("utf-8", "replace").decode().replace("\0", "?")


def merged(ledgers: Iterable[Ledger], *, aside_anywhere: bool = False) -> Ledger:
    """The different samples of all files together, in their order.

    Args:
        aside_anywhere: whether a sample is set aside that is so in any of its places, and not only in its first one.
    """
    together = Ledger()
    for ledger in ledgers:
        together.complete = together.complete and ledger.complete
        for one in ledger.entries.values():
            before = together.entries.get(one.content)
            if before is None:
                together.entries[one.content] = one
            else:
                before.count += one.count
                before.set_aside = before.set_aside or (aside_anywhere and one.set_aside)
    return together


class WholeText:
    """Takes note of a text while it is read, as one sample."""

    def __init__(self, texts: Iterable[str], ledger: Ledger) -> None:
        self._texts = texts
        self._ledger = ledger

    def __iter__(self) -> Iterator[str]:
        digest = blake2b(digest_size=_HEX // 2)
        characters = size = 0
        for text in self._texts:
            content = text.encode()
            digest.update(content)
            characters += len(text)
            size += len(content)
            yield text
        if characters:
            number = int.from_bytes(digest.digest(), "big")
            self._ledger.add(Noted(number, characters=characters, size=size))
