"""Hashes of files that were checked on their way here, so that the engine does not read them once more to hash them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Digests:
    """sha256 in lower-case hex. A file that is not listed is hashed by the engine."""

    data: Mapping[str, str] = field(default_factory=dict)
    """Of the dataset's files, by their names."""
    checkpoint: Mapping[str, str] = field(default_factory=dict)
    """Of the files of the checkpoint that is continued from or exported, by their paths in it."""

    @classmethod
    def read(cls, path: Path) -> "Digests":
        """What a JSON file ``{"data": {NAME: SHA256}, "checkpoint": {PATH: SHA256}}`` says; either may be left out.

        Raises:
            OSError: it cannot be read.
            ValueError: it says something else.
        """
        document: Any = json.loads(path.read_bytes())
        if not isinstance(document, dict) or document.keys() - {"data", "checkpoint"}:
            raise ValueError('not a JSON object with "data" and "checkpoint"')
        for part in document.values():
            if not isinstance(part, dict) or not all(isinstance(value, str) for value in part.values()):
                raise ValueError("not hashes by the names of files")
        return cls(**document)
