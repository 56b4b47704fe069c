"""Keeps the verdicts so far, one JSON object a line, so that an interrupted run can be resumed."""

import hashlib
import json
from pathlib import Path

from pydantic import BaseModel

from benchmarks.mutations.lists import Mutation
from benchmarks.mutations.trials import Verdict


class _Entry(BaseModel):
    tree: str
    mutation: str
    verdict: Verdict
    seconds: float


class Journal:
    """The verdicts for one state of the tree; verdicts for another state are ignored.

    Args:
        path: The file; with None nothing is kept.
        tree: The hash of all files.
    """

    def __init__(self, path: Path | None, tree: str) -> None:
        self._path = path
        self._tree = tree
        self._known: dict[str, _Entry] = {}
        if path is not None and path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                entry = _Entry.model_validate_json(line)
                if entry.tree == tree:
                    self._known[entry.mutation] = entry

    def verdict(self, mutation: Mutation) -> Verdict | None:
        """The known verdict on a mutation; None if there is none."""
        entry = self._known.get(_key(mutation))
        return None if entry is None else entry.verdict

    def add(self, mutation: Mutation, verdict: Verdict, seconds: float) -> None:
        """Write a verdict to the file."""
        if self._path is not None:
            entry = _Entry(tree=self._tree, mutation=_key(mutation), verdict=verdict, seconds=seconds)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(entry.model_dump_json() + "\n")


def _key(mutation: Mutation) -> str:
    content = json.dumps(mutation.model_dump(), sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()
