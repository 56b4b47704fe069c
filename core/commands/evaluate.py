"""The command ``evaluate``: evaluates a checkpoint on a dataset, and compares it with another one on the same samples."""

import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from core.assessment.checkpoint import Request, Watch, evaluate_checkpoint
from core.assessment.opened import Opened, open_checkpoint
from core.assessment.report import Resampling, report
from core.assessment.section import SplitChoice
from core.commands.digests import Digests
from core.commands.endings import run_to_end
from core.commands.settling import environment_of
from core.data import data_files
from core.data.files import ReadingByName
from core.errors import EngineError
from core.events import Events
from core.process import keep_freed_memory
from core.training.devices import choose_place, make_deterministic
from core.training.memory import is_out_of_memory

_TELL_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Options:
    """The command line's options."""

    checkpoint: Path
    data: tuple[Path, ...]
    against: Path | None = None
    split: SplitChoice = "held_out"
    probes: bool = True
    resampling: Resampling = field(default_factory=Resampling)
    cache: Path | None = None
    threads: int | None = None
    reading: ReadingByName = field(default_factory=dict)
    digests: Digests = field(default_factory=Digests)


def evaluate(options: Options, events: Events) -> int:
    """Evaluate a checkpoint. The last event but one is ``evaluated``; on an error the last is ``failed``.

    Returns:
        The exit code of ``docs/engine-protocol.md``.
    """
    with tempfile.TemporaryDirectory(prefix="evaluate-") as directory:
        out = Path(directory)
        return run_to_end(lambda _: _evaluate(options, events, out), events, out)


def _evaluate(options: Options, events: Events, directory: Path) -> None:
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    make_deterministic()
    keep_freed_memory()
    opened = [open_checkpoint(options.checkpoint, options.digests.checkpoint)]
    if options.against is not None:
        opened.append(open_checkpoint(options.against, options.digests.against))
        _require_same_modality(*opened)
    job = opened[0].job
    # In full precision on every machine, so that the same checkpoint has the same numbers.
    place = choose_place(job.resources.device, "fp32")
    events.emit("started", pid=os.getpid(), **environment_of(place), resumed_from_step=0, steps=0)
    files = data_files(options.data, job.task.modality, options.reading, options.digests.data)
    request = Request(
        files, options.cache or directory / "cache", directory, options.split, options.probes, place
    )
    progress = _Progress(events, parts=len(opened))
    try:
        found = [
            evaluate_checkpoint(one, request, progress.watch(number), first=job if number else None)
            for number, one in enumerate(opened)
        ]
    except (MemoryError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise EngineError(
                "out_of_memory",
                f"The evaluation did not fit into the memory of {place.device}.",
                "Evaluate on a worker with more memory.",
                case="evaluation",
                device=str(place.device),
            ) from error
        raise
    events.emit(
        "evaluated",
        task=job.task.kind,
        against_task=opened[1].job.task.kind if len(opened) > 1 else None,
        split=options.split,
        device_name=place.name,
        resampling=options.resampling.options,
        sections=report(found[0], found[1] if len(found) > 1 else None, options.resampling),
    )


def _require_same_modality(first: Opened, second: Opened) -> None:
    own, other = first.job.task.modality, second.job.task.modality
    if own != other:
        raise EngineError(
            "checkpoint_mismatch",
            f"The checkpoint learned from {own} and the one that it is compared with from {other}.",
            "Compare it with a checkpoint of the same kind of data.",
            case="modality",
            modality=own,
            against_modality=other,
        )


class _Progress:
    """Reports the preparation of the data, and the share of all evaluations that is done, at most twice a second."""

    def __init__(self, events: Events, parts: int) -> None:
        self._events = events
        self._parts = parts
        self._told_at = 0.0

    def watch(self, number: int) -> Watch:
        """For checkpoint ``number``, counted from 0."""
        return Watch(self._preparing, lambda share: self._evaluating((number + share) / self._parts))

    def _preparing(self, phase: str, done: int, total: int | None, unit: str) -> None:
        self._events.emit("progress", phase=phase, done=done, total=total, unit=unit)

    def _evaluating(self, share: float) -> None:
        now = time.monotonic()
        if now - self._told_at > _TELL_SECONDS or share >= 1:
            self._told_at = now
            self._events.emit(
                "progress", phase="evaluating", done=round(100 * share), total=100, unit="percent"
            )
