"""Finds the checkpoint that a run resumes from, and locks the run directory."""

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
from core.spec.text_data import TextDataSpec

_LATER: Mapping[str, Any] = {
    "start": None,
    "model.config": None,
    "model.preprocessor": None,
    "task.decoder_heads": None,
    "task.decoder_intermediate_size": None,
    "adaptation": {"method": "full"},
    "training.epochs": None,
    "data.on_missing_label": "refuse",
    "data.files": "all",
    **{f"data.audio.{name}": None for name in ("transcript_column", "file_column", "split_column")},
    "data.audio.transcripts": False,
    "data.text": TextDataSpec().model_dump(mode="json"),
    "data.tokenizer.add_tokens": [],
    "training.early_stopping": None,
    "distillation": None,
    "continual": None,
}
"""Fields of a job that were added to the schema after its first release, by dotted path, and their defaults as JSON."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The checkpoint that a run resumes from."""

    path: Path
    manifest: Manifest
    environment: dict[str, Any]
    """The environment in which it was trained: device, threads, precision."""
    decisions: dict[str, Any]
    """The values chosen for fields that are ``auto`` in its spec."""
    early_stopping: dict[str, Any] | None = None
    """The state of early stopping, if its spec asks for it."""

    def restore_optimizers(self, optimizers: Mapping[str, torch.optim.Optimizer]) -> None:
        """Load the optimisers' state of that step.

        Raises:
            EngineError: ``checkpoint_mismatch`` if it has no state for a parameter.
        """
        try:
            load_state(optimizers, read_optimizer(self.path))
        except KeyError as error:
            raise EngineError(
                "checkpoint_mismatch",
                f"The optimiser's state in {self.path} has no entry for {error}.",
                "Resume with the model and the optimiser that the checkpoint was trained with.",
                case="optimizer",
                directory=self.path,
                entry=error,
            ) from None


@contextmanager
def run_directory(out: Path) -> Iterator[None]:
    """Create ``out`` if it does not exist, lock it for this process, and remove half-written checkpoints.

    Raises:
        EngineError: ``run_directory_unwritable``, or ``run_directory_busy`` while another engine holds the lock.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        fd = os.open(out, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise EngineError(
            "run_directory_unwritable",
            f"The run directory {out} cannot be used: {error.strerror}.",
            "Give --out a directory that can be written.",
            directory=out,
            error=error.strerror,
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
    """The checkpoint to resume from: the one that was named, otherwise the newest whole one in ``out``.

    Args:
        fresh: remove what is in ``out`` and start over.
        digests: sha256 by path of the files of ``resume`` that were hashed already.

    Raises:
        EngineError: ``checkpoint_damaged`` for the one that was named; ``run_directory_taken`` if the newest in ``out``
            was written with another spec.
    """
    if resume is not None:
        try:
            return _open(resume, verify(resume, digests), job)
        except ManifestError as error:
            raise EngineError(
                "checkpoint_damaged",
                f"{error}.",
                "Resume from another checkpoint, or leave --resume out.",
                error=error,
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
            directory=out,
            checkpoint=path,
        )
    return _open(path, manifest, job)


def fingerprint(job: JobSpec) -> str:
    """A hash of the fields that determine what a run computes; name and priority are not among them."""
    document = recorded(job)
    of_run = (
        "version",
        "start",
        "task",
        "model",
        "adaptation",
        "distillation",
        "continual",
        "training",
        "data",
    )
    document = {name: document[name] for name in of_run if name in document}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def recorded(job: JobSpec) -> dict[str, Any]:
    """A job as a checkpoint records it. Fields that the schema got later are left out while they have their default,
    so that the checkpoints and the fingerprint of a job are the same as before."""
    document = job.model_dump(mode="json")
    for path, default in _LATER.items():
        *sections, name = path.split(".")
        section = document
        for part in sections:
            section = section[part]
        if section.get(name, default) == default:
            section.pop(name, None)
    return document


def _lock(fd: int, out: Path) -> None:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise EngineError(
            "run_directory_busy",
            f"Another engine is writing to {out}.",
            "Wait for it to end, or give another --out.",
            directory=out,
        ) from None


def _open(path: Path, manifest: Manifest, job: JobSpec) -> Origin:
    state = read_state(path)
    decisions = dict(state.get("decisions", {}))
    if state.get("spec", {}).get("training", {}).get("epochs") != job.training.epochs:
        decisions.pop("steps", None)  # resumed on purpose with another number of epochs
    return Origin(path, manifest, state["environment"], decisions, state.get("early_stopping"))
