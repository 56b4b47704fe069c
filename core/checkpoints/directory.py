"""Finds, chooses and removes checkpoints in the run directory.

A checkpoint's content is described in ``docs/engine-protocol.md``; `core.checkpoints.writer` writes them.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.checkpoints.manifest import Manifest, ManifestError, read_manifest, step_of, verify
from core.checkpoints.retention import expired, first_whole, newest_first
from core.events import Events
from core.spec.training import CheckpointRetention

_LEFTOVER = re.compile(r"\.step-\d+\.(tmp|old)\Z")


def newest_whole(run_directory: Path, events: Events) -> tuple[Path, Manifest] | None:
    """The newest checkpoint whose manifest verifies; emits a ``warning`` for each newer one that does not."""

    def tell(_found: _Found, error: ManifestError) -> None:
        message = f"{error}; trying the checkpoint before it."
        events.warn("checkpoint_damaged", message, reason=str(error))

    found = newest_first(_Found(path) for path in _candidates(run_directory))
    return first_whole(found, lambda one: (one.path, verify(one.path)), ManifestError, tell)


def clear(run_directory: Path) -> None:
    """Remove every checkpoint, also half-written ones, for a run that starts over."""
    for path in _candidates(run_directory):
        shutil.rmtree(path)
    clear_leftovers(run_directory)


def clear_leftovers(run_directory: Path) -> None:
    """Remove half-written checkpoints, which remain if the process is killed during a write."""
    for path in run_directory.iterdir():
        if _LEFTOVER.match(path.name):
            shutil.rmtree(path)


def temporary_path(run_directory: Path, step: int) -> Path:
    """The path at which step ``step``'s checkpoint is written until it is whole."""
    return run_directory / f".step-{step}.tmp"


def publish(temporary: Path, final: Path) -> None:
    """Rename a whole checkpoint to its final name, replacing a damaged one of that name."""
    replaced = final.with_name(f".step-{_step(final)}.old")
    with contextlib.suppress(FileNotFoundError):
        final.rename(replaced)
    temporary.rename(final)
    fd = os.open(final.parent, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    shutil.rmtree(replaced, ignore_errors=True)


def prune(run_directory: Path, retention: CheckpointRetention) -> None:
    """Remove the checkpoints that ``retention`` does not keep. Damaged ones do not count."""
    whole: list[_Found] = []
    for path in _candidates(run_directory):
        with contextlib.suppress(ManifestError):
            whole.append(_Found(path, read_manifest(path).metrics))
    for found in expired(whole, retention):
        shutil.rmtree(found.path)


@dataclass(frozen=True, slots=True)
class _Found:
    """A checkpoint in the run directory, which only one attempt writes to."""

    path: Path
    metrics: Mapping[str, float] = field(default_factory=dict)
    attempt: int = 0

    @property
    def step(self) -> int:
        return _step(self.path)


def _candidates(run_directory: Path) -> Iterable[Path]:
    return [path for path in run_directory.iterdir() if step_of(path.name) is not None and path.is_dir()]


def _step(path: Path) -> int:
    step = step_of(path.name)
    assert step is not None
    return step
