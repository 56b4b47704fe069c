"""Where a run continues from, and whose directory it writes to."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from core.checkpoints import directory
from core.checkpoints.bundle import read_optimizer, read_state
from core.checkpoints.manifest import Manifest, ManifestError, verify
from core.checkpoints.optimizer_state import load_state
from core.errors import EngineError
from core.events import Events
from core.spec.job import JobSpec


@dataclass(frozen=True, slots=True)
class Origin:
    """The checkpoint that a run continues from."""

    path: Path
    manifest: Manifest
    environment: dict[str, Any]
    """What it was trained on: device, threads, precision."""
    decisions: dict[str, Any]
    """What was chosen for it where its spec says ``auto``."""

    def restore_optimizers(self, optimizers: Mapping[str, torch.optim.Optimizer]) -> None:
        """Give the optimisers their state of that step.

        Raises:
            EngineError: ``checkpoint_mismatch`` where a parameter has none there.
        """
        try:
            load_state(optimizers, read_optimizer(self.path))
        except KeyError as error:
            raise EngineError(
                "checkpoint_mismatch",
                f"The optimiser's state in {self.path} has nothing for {error}.",
                "Resume with the model and the optimiser that the checkpoint was trained with.",
            ) from None


@contextmanager
def run_directory(out: Path) -> Iterator[None]:
    """``out``, made if need be, cleaned of half-written directory, and this process's alone.

    Raises:
        EngineError: ``run_directory_unwritable``, or ``run_directory_busy`` while another engine has it.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        fd = os.open(out, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise EngineError(
            "run_directory_unwritable",
            f"The run directory {out} cannot be used: {error.strerror}.",
            "Give --out a directory that can be written.",
        ) from None
    try:
        _lock(fd, out)
        directory.clear_leftovers(out)
        yield
    finally:
        os.close(fd)


def find_origin(
    out: Path,
    job: JobSpec,
    *,
    resume: Path | None,
    fresh: bool,
    events: Events,
    digests: Mapping[str, str] | None = None,
) -> Origin | None:
    """The checkpoint to continue from: the one that was named, else the newest whole one in ``out``.

    Args:
        fresh: remove what is in ``out`` and start over.
        digests: sha256 by path of the files of ``resume`` that were hashed already.

    Raises:
        EngineError: ``checkpoint_damaged`` for the one that was named; ``run_directory_taken`` where
            the newest in ``out`` is of another spec.
    """
    if resume is not None:
        try:
            return _open(resume, verify(resume, digests))
        except ManifestError as error:
            raise EngineError(
                "checkpoint_damaged", f"{error}.", "Resume from another checkpoint, or leave --resume out."
            ) from None
    if fresh:
        directory.clear(out)
        return None
    found = directory.newest_whole(out, events)
    if found is None:
        return None
    path, manifest = found
    if manifest.spec_sha256 != fingerprint(job):
        raise EngineError(
            "run_directory_taken",
            f"{out} holds a run of another spec.",
            f"Give another --out, start over with --fresh, or continue on purpose with --resume {path}.",
        )
    return _open(path, manifest)


def fingerprint(job: JobSpec) -> str:
    """What a run computes, hashed: with a new name or priority it is the same run."""
    document = recorded(job)
    of_run = ("version", "start", "task", "model", "training", "data")
    document = {name: document[name] for name in of_run if name in document}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def recorded(job: JobSpec) -> dict[str, Any]:
    """A job as a checkpoint tells of it. Fresh weights are not told, so that it reads as before jobs had a ``start``."""
    return job.model_dump(mode="json", exclude=None if job.start else {"start"})


def _lock(fd: int, out: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EngineError(
            "run_directory_busy",
            f"Another engine is writing to {out}.",
            "Wait for it to end, or give another --out.",
        ) from None


def _open(path: Path, manifest: Manifest) -> Origin:
    state = read_state(path)
    return Origin(path, manifest, state["environment"], state.get("decisions", {}))
