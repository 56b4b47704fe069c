"""The teacher's outputs for every training sample, computed once and kept beside the prepared data."""

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.checkpoints.manifest import MANIFEST
from core.data.progress import OnProgress, Progress
from core.data.store import stored
from core.errors import EngineError
from core.events import Events
from core.objectives.base import Batch, Objective, chunks
from core.spec.job import JobSpec
from core.training.devices import Place

_META, _VALUES, _NUMBERS = "outputs.json", "values.f32", "numbers.i32"
_IMPOSSIBLE = -1e9
"""The output of what was cut: finite, so that its share of a divergence is 0 and not undefined."""


@dataclass(frozen=True, slots=True)
class KeptOutputs:
    """The largest outputs of each term of the loss, and which they are.

    Where nothing was cut, all outputs are kept in their order.
    """

    values: NDArray[np.float32]
    """Shape (samples, terms of a sample, k)."""
    numbers: NDArray[np.int32]
    """Which outputs they are, same shape."""
    width: int
    """C: number of outputs of a term."""

    @classmethod
    def open(cls, directory: Path) -> Self | None:
        """The outputs in a directory of `keep`; None if it is not complete."""
        try:
            meta = json.loads((directory / _META).read_bytes())
            shape = tuple(meta["shape"])
            values = np.memmap(directory / _VALUES, np.float32, "r", shape=shape)
            numbers = np.memmap(directory / _NUMBERS, np.int32, "r", shape=shape)
        except (OSError, ValueError, KeyError):
            return None
        return cls(values, numbers, int(meta["width"]))

    def logits(self, samples: NDArray[np.int64], device: torch.device) -> Tensor:
        """Outputs of some training samples by their ids, float32, shape (B * terms, C)."""
        values = torch.from_numpy(np.array(self.values[samples])).flatten(0, 1)
        numbers = torch.from_numpy(self.numbers[samples].astype(np.int64)).flatten(0, 1)
        found = torch.full((len(values), self.width), _IMPOSSIBLE)
        return found.scatter_(1, numbers, values).to(device)


def kept_outputs(
    job: JobSpec,
    objective: Objective,
    compute: Callable[[Batch], Tensor],
    place: Place,
    cache: Path,
    *,
    identity: tuple[str, ...],
    events: Events,
    on_progress: OnProgress,
) -> KeptOutputs:
    """The teacher's outputs for all training samples of a job. Computed now if they are not in ``cache``.

    Args:
        objective: The student's, which makes the batches.
        compute: The teacher's outputs for a batch on its device, shape (N, C), in the student's order.
        cache: The directory of prepared data.
        identity: What the outputs depend on besides the job's spec: teacher, data, and the order of the student's classes.

    Raises:
        EngineError: ``disk_full``, where there is no room for them.
    """
    assert job.distillation is not None
    assert job.distillation.cache is not None
    top_k, training = job.distillation.cache.top_k, job.training
    facts = {
        "identity": identity,
        "top_k": top_k,
        "task": job.task.model_dump(mode="json"),
        "sequence_length": training.sequence_length,
        "precision": place.precision,
        "device": place.device.type,
    }
    key = "teacher-" + hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:40]

    def build(directory: Path) -> None:
        _build(job, objective, compute, place, directory, events=events, on_progress=on_progress)

    return stored(cache, key, open_=KeptOutputs.open, build=build)[0]


def identity_of(checkpoint: Path) -> str:
    """A hash of a checkpoint's content."""
    return hashlib.sha256((checkpoint / MANIFEST).read_bytes()).hexdigest()


@torch.no_grad()
def _build(
    job: JobSpec,
    objective: Objective,
    compute: Callable[[Batch], Tensor],
    place: Place,
    directory: Path,
    *,
    events: Events,
    on_progress: OnProgress,
) -> None:
    assert job.distillation is not None
    assert job.distillation.cache is not None
    samples = objective.samples("train")
    ids = np.arange(len(samples), dtype=np.int64)
    size = max(1, job.training.sequences_per_step // job.training.accumulation_steps)
    progress = Progress(on_progress, "teaching", len(ids), "samples")
    values: NDArray[np.float32] | None = None
    numbers: NDArray[np.int32] | None = None
    width = 0
    for chunk in chunks(ids, size):
        batch = objective.collate(samples.rows(chunk), chunk, 0).to(place.device)
        with place.autocast():
            found = compute(batch).float()
        width = found.shape[1]
        terms = len(found) // len(chunk)
        kept = min(job.distillation.cache.top_k, width)
        if values is None or numbers is None:
            shape = (len(ids), terms, kept)
            _require_room(directory, shape, events)
            values = np.memmap(directory / _VALUES, np.float32, "w+", shape=shape)
            numbers = np.memmap(directory / _NUMBERS, np.int32, "w+", shape=shape)
        best, which = found.topk(kept, dim=1)
        values[chunk] = best.reshape(len(chunk), terms, kept).cpu().numpy()
        numbers[chunk] = which.reshape(len(chunk), terms, kept).int().cpu().numpy()
        progress.add(len(chunk))
    progress.finish()
    assert values is not None
    assert numbers is not None
    values.flush()  # type: ignore[attr-defined]
    numbers.flush()  # type: ignore[attr-defined]
    meta = {"shape": list(values.shape), "width": width}
    (directory / _META).write_text(json.dumps(meta) + "\n", encoding="utf-8")


def _require_room(directory: Path, shape: tuple[int, ...], events: Events) -> None:
    needed = int(np.prod(shape)) * 8
    events.warn(
        "teacher_outputs_kept",
        f"The teacher's outputs for {shape[0]:,} samples take {needed / 1e6:,.1f} MB beside the prepared data.",
        bytes=needed,
        samples=shape[0],
    )
    free = shutil.disk_usage(directory).free
    if needed > free:
        raise EngineError(
            "disk_full",
            f"The teacher's outputs take {needed / 1e9:.2f} GB, and the disk of {directory} has {free / 1e9:.2f} GB free.",
            "Free space there, lower distillation.cache.top_k, or leave distillation.cache out.",
            case="teacher",
            needed=needed,
            free=free,
            directory=directory,
        )
