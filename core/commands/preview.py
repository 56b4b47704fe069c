"""The command ``preview``: prepares the data, builds the networks and writes their inputs for the samples of a step."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from core.commands.digests import Digests
from core.commands.endings import run_to_end
from core.commands.settling import load_spec
from core.data import data_files, prepare_for, sample_indices
from core.data.files import ReadingByName
from core.errors import EngineError
from core.events import Events
from core.objectives.base import Objective, Shown
from core.preview.inputs import network_inputs
from core.randomness import derive_seed
from core.spec.training import TrainingSpec
from core.tasks.objectives import create_objective
from core.training.devices import make_deterministic
from core.training.samples import samples_directory, write_one
from core.training.steps import with_most_steps


@dataclass(frozen=True, slots=True)
class Options:
    """The command line's options."""

    spec: Path
    data: tuple[Path, ...]
    out: Path
    cache: Path | None = None
    start: Path | None = None
    """The checkpoint that the job starts from, of which the files without weights suffice."""
    threads: int | None = None
    samples: int = 8
    step: int = 1
    reading: ReadingByName = field(default_factory=dict)
    digests: Digests = field(default_factory=Digests)


def preview(options: Options, events: Events) -> int:
    """Write the networks' inputs at a step to ``OUT/samples/step-N``; a ``previewed`` event lists the files.

    Returns:
        The exit code of ``docs/engine-protocol.md``.
    """
    return run_to_end(lambda _: _preview(options, events), events, options.out, step=options.step)


def _preview(options: Options, events: Events) -> None:
    job = load_spec(options.spec)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    make_deterministic()

    def progress(phase: str, done: int, total: int | None, unit: str) -> None:
        events.emit("progress", phase=phase, done=done, total=total, unit=unit)

    files = data_files(options.data, job.task.modality, options.reading, options.digests.data)
    cache = options.cache or options.out / "cache"
    data = prepare_for(job, files, cache, on_progress=progress, start=options.start)
    job, _ = with_most_steps(job, data) if job.training.epochs is not None else (job, 0)
    objective = create_objective(job, data)
    events.emit("prepared", **data.facts, parameters=objective.parameter_count)
    shown = preview_step(objective, job.training, step=options.step, count=options.samples)
    if not shown:
        raise EngineError(
            "spec_invalid",
            f"{job.task.kind} has no network inputs that can be shown.",
            "Train without a preview.",
            case="no_preview",
            task=job.task.kind,
        )
    directory = samples_directory(options.out, options.step)
    listed = [
        {"name": one.name, "media_type": one.media_type, "file": write_one(directory, one).name}
        for one in shown
    ]
    events.emit("previewed", step=options.step, path=str(directory), shown=listed)


def preview_step(objective: Objective, training: TrainingSpec, *, step: int, count: int) -> Sequence[Shown]:
    """The run's inputs for the first ``count`` samples of a step, with the same crops, masks and rotations."""
    samples = objective.samples("train")
    size = count if training.batch_size == "auto" else training.batch_size
    samples.require(min(count, size))
    ids: NDArray[np.int64] = sample_indices(training.seed, step, size, len(samples))[:count]
    key, rows = derive_seed(training.seed, "batch", step), samples.rows(ids)
    shown = objective.preview(rows, ids, key)
    return network_inputs(objective, rows, ids, key) if shown is None else shown
