"""A record of the distinct samples of a file, up to a fixed number, made by inspection.

A job needs a minimum number of distinct samples in its training split. With this record, admission computes that number
before the job runs, by the same rules as preparation. A file with more samples than the record holds has enough for any
ordinary batch.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

KEPT = 1_000
"""Distinct samples recorded of one file, at most."""
_PATH_CHARACTERS = 1_000
_HEX = 16


@dataclass
class DistinctSample:
    """One distinct sample. A field that does not apply to the modality is 0."""

    content: int
    """64-bit hash of the content."""
    count: int = 1
    """How many times the sample occurs."""
    held_out: bool = False
    """Whether the dataset itself holds it out (an image: at any of its places; a recording: at its first place)."""
    characters: int = 0
    size: int = 0
    """Of text: bytes of UTF-8. Of a recording: its number of audio samples."""
    rate: int = 0
    """Sampling rate of a recording, Hz."""
    path: str = ""


@dataclass
class DistinctSamples:
    """Distinct samples, in the order in which they were read."""

    complete: bool = True
    """Whether all distinct samples are recorded."""
    entries: dict[int, DistinctSample] = field(default_factory=dict)

    def add(self, sample: DistinctSample) -> None:
        """Record a sample. If its content is recorded already, only its count goes up."""
        before = self.entries.get(sample.content)
        if before is not None:
            before.count += sample.count
        elif len(self.entries) < KEPT and len(sample.path) <= _PATH_CHARACTERS:
            self.entries[sample.content] = sample
        else:
            self.complete = False

    def facts(self) -> dict[str, Any]:
        """The record as plain values for JSON."""
        return {
            "complete": self.complete,
            "samples": [
                [
                    f"{one.content:0{_HEX}x}",
                    one.count,
                    int(one.held_out),
                    one.characters,
                    one.size,
                    one.rate,
                    one.path,
                ]
                for one in self.entries.values()
            ],
        }

    @classmethod
    def of(cls, facts: Mapping[str, Any] | None) -> "DistinctSamples":
        """The record made from the result of `facts`. Without one, an incomplete record."""
        if not facts:
            return cls(complete=False)
        found = cls(complete=bool(facts["complete"]))
        for content, count, held_out, *rest in facts["samples"]:
            number = int(content, 16)
            found.entries[number] = DistinctSample(number, count, bool(held_out), *rest)
        return found


def storable(path: str) -> str:
    """A path that a database can store: characters that are not valid Unicode become a question mark, as in `core.spec.patterns`."""
    return path.encode("utf-8", "replace").decode().replace("\0", "?")


def merged(ledgers: Iterable[DistinctSamples], *, held_out_anywhere: bool = False) -> DistinctSamples:
    """The distinct samples of all files together, in order.

    Args:
        held_out_anywhere: If true, a sample is held out when any of its places is; if false, only when its first place is.
    """
    together = DistinctSamples()
    for ledger in ledgers:
        together.complete = together.complete and ledger.complete
        for one in ledger.entries.values():
            before = together.entries.get(one.content)
            if before is None:
                together.entries[one.content] = one
            else:
                before.count += one.count
                before.held_out = before.held_out or (held_out_anywhere and one.held_out)
    return together


class WholeText:
    """Passes a text on unchanged while it is read, and records the whole of it as one sample."""

    def __init__(self, texts: Iterable[str], ledger: DistinctSamples) -> None:
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
            self._ledger.add(DistinctSample(number, characters=characters, size=size))
