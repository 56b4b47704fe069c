"""Hashes of files that were checked during their download, so that the engine does not read them again to hash them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Digests:
    """sha256 in lower-case hex. A file that is not listed is hashed by the engine."""

    data: Mapping[str, str] = field(default_factory=dict)
    """sha256 of the dataset's files, by file name."""
    checkpoint: Mapping[str, str] = field(default_factory=dict)
    """sha256 of the files of the checkpoint that is resumed from or exported, by path in the checkpoint."""

    against: Mapping[str, str] = field(default_factory=dict)
    """The same of the checkpoint that another one is compared with."""

    teacher: Mapping[str, str] = field(default_factory=dict)
    """The same of the checkpoint that a run distils."""

    @classmethod
    def read(cls, path: Path) -> "Digests":
        """Read a JSON file ``{"data": {NAME: SHA256}, "checkpoint": {PATH: SHA256}, "against": {…}, "teacher": {…}}``; keys
        may be missing.

        Raises:
            OSError: it cannot be read.
            ValueError: it has other content.
        """
        document: Any = json.loads(path.read_bytes())
        if not isinstance(document, dict) or document.keys() - {
            "data",
            "checkpoint",
            "against",
            "teacher",
        }:
            raise ValueError('not a JSON object with "data", "checkpoint", "against" and "teacher"')
        for part in document.values():
            if not isinstance(part, dict) or not all(isinstance(value, str) for value in part.values()):
                raise ValueError("not hashes by the names of files")
        return cls(**document)
