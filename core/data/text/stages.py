"""How far a preparation got, so that one that was killed goes on where it was.

A stage's facts are written, whole or not at all, after its files are on disk.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

_DIRECTORY = "unfinished"


class Stages:
    """The facts of finished stages, and a place for files that only the preparation needs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / _DIRECTORY
        self.directory.mkdir(exist_ok=True)

    def facts(self, stage: str) -> Any:
        """What `finish` noted last of a stage; None where it did not come to that."""
        try:
            return json.loads(self._path(stage).read_bytes())
        except FileNotFoundError:
            return None

    def finish(self, stage: str, facts: Any, *files: Path) -> None:
        """Note that a stage, or some of it, is done and ``files`` hold its results."""
        for file in files:
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        path = self._path(stage)
        temporary = path.with_suffix(".writing")
        with temporary.open("w") as opened:
            json.dump(facts, opened)
            opened.flush()
            os.fsync(opened.fileno())
        temporary.rename(path)

    def remove(self) -> None:
        """The preparation is done: nothing of this is needed any more."""
        shutil.rmtree(self.directory)

    def _path(self, stage: str) -> Path:
        return self.directory / f"{stage}.json"
