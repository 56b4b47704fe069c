"""Records how far a preparation is, so that one that was killed can be resumed.

The facts of a stage are written atomically, after the stage's files are on disk.
"""

import json
import os
import shutil
from pathlib import Path
from typing import Any

_DIRECTORY = "unfinished"


class Stages:
    """The facts of finished stages, and a directory for files that only the preparation needs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / _DIRECTORY
        self.directory.mkdir(exist_ok=True)

    def facts(self, stage: str) -> Any:
        """The facts that `finish` recorded last for a stage. None where it recorded none."""
        try:
            return json.loads(self._path(stage).read_bytes())
        except FileNotFoundError:
            return None

    def finish(self, stage: str, facts: Any, *files: Path) -> None:
        """Record that a stage, or part of it, is done and that ``files`` hold its results."""
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
        """Remove the directory, when the preparation is done."""
        shutil.rmtree(self.directory)

    def _path(self, stage: str) -> Path:
        return self.directory / f"{stage}.json"
