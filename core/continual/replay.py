"""Replay: samples of the earlier stages in each batch (experience replay, Rolnick et al. 2019, arXiv 1811.11682)."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.continual.buffer import Groups, groups_of_classes, groups_of_stages, herding, reservoir
from core.continual.earlier import Stage
from core.continual.opening import reading_of
from core.data import Samples
from core.data.progress import OnProgress, Progress
from core.errors import EngineError
from core.events import Events
from core.objectives.base import Objective, chunks
from core.objectives.hooks import Hook
from core.spec.continual import Replay
from core.spec.job import JobSpec
from core.training.batches import Replayed
from core.training.devices import Place

_AT_ONCE = 128


class ReplayBuffer(Hook):
    """Chooses the buffer, and gives it to the stream of batches.

    A buffer drawn by chance is a function of the job's seed and of the data, and is drawn anew after an interruption. One that was
    chosen by features depends on the weights at the start, so that checkpoints keep the choice.

    Args:
        job: With every ``auto`` decided.
        stages: The earlier ones, oldest first.
        objective: Of the run, with the weights that it starts from, unless `restore` is called.
    """

    name: ClassVar[str] = "replay"

    def __init__(  # noqa: PLR0917 - what a run is made of
        self,
        settings: Replay,
        job: JobSpec,
        stages: Sequence[Stage],
        objective: Objective,
        place: Place,
        events: Events,
        on_progress: OnProgress,
    ) -> None:
        if not stages:
            raise EngineError(
                "earlier_data_missing",
                "The spec asks for replay, and the dataset of no earlier stage is there.",
                "Leave continual.replay out; continual.lwf needs no earlier data.",
                case="replay",
            )
        self._settings = settings
        self._job = job
        self._stages = stages
        self._objective = objective
        self._place = place
        self._events = events
        self._on_progress = on_progress
        self._chosen: NDArray[np.int64] | None = None

    def tensors(self) -> Mapping[str, Tensor]:
        if self._settings.choose != "herding" or self._chosen is None:
            return {}
        return {"chosen": torch.from_numpy(self._chosen)}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        if "chosen" in tensors:
            self._chosen = tensors["chosen"].numpy()

    def replayed(self) -> Replayed:
        """The buffer, chosen now unless it was restored; the run's objective knows its labels from now on. Called once.

        Raises:
            EngineError: ``checkpoint_mismatch``, where samples of an earlier stage cannot be in one batch with those of this one.
        """
        readers = [reading_of(stage, self._job) for stage in self._stages]
        samples = [reader.samples("train") for reader in readers]
        sizes = [len(one) for one in samples]
        if self._settings.samples > sum(sizes):
            self._events.warn(
                "replay_buffer_cut",
                f"continual.replay.samples is {self._settings.samples:,}, and the earlier stages have {sum(sizes):,} samples: the "
                "buffer holds all of them.",
                asked=self._settings.samples,
                samples=sum(sizes),
            )
        self._require_same_shape(samples)
        if self._chosen is None:
            self._chosen = self._choose(samples)
        parts: list[tuple[Samples, NDArray[np.int64]]] = []
        for reader, one, begin in zip(readers, samples, np.cumsum([0, *sizes[:-1]]), strict=True):
            inside = (self._chosen >= begin) & (self._chosen < begin + len(one))
            parts.append((one, self._chosen[inside] - begin))
            self._objective.also_learn(reader, parts[-1][1])
        return Replayed(BufferSamples(parts, self._objective), self._settings.share)

    def _choose(self, samples: Sequence[Samples]) -> NDArray[np.int64]:
        settings, groups = self._settings, self._groups(samples)
        if settings.choose == "reservoir":
            return reservoir(self._job.training.seed, groups, settings.samples)
        everything = BufferSamples(
            [(one, np.arange(len(one), dtype=np.int64)) for one in samples], self._objective
        )
        total = sum(map(len, groups))
        progress = Progress(self._on_progress, "herding", total, "samples")

        def features_of(chosen: NDArray[np.int64]) -> Tensor:
            found = []
            for chunk in chunks(chosen, _AT_ONCE):
                features = self._objective.encode(everything.rows(chunk))
                assert features is not None
                found.append(features.float().cpu())
                progress.add(len(chunk))
            return torch.cat(found)

        was_training = self._objective.training
        self._objective.eval()
        with torch.no_grad():
            chosen = herding(features_of, groups, settings.samples)
        progress.finish()
        self._objective.train(was_training)
        return chosen

    def _groups(self, samples: Sequence[Samples]) -> Groups:
        balance = self._settings.balance
        if balance == "auto":
            balance = "class" if self._job.task.learns_classes else "stage"
        sizes = [len(one) for one in samples]
        if balance == "class":
            return groups_of_classes(_labels(samples))
        return groups_of_stages(sizes if balance == "stage" else [sum(sizes)])

    def _require_same_shape(self, samples: Sequence[Samples]) -> None:
        first = np.zeros(1, np.int64)
        own = self._objective.samples("train").rows(first)
        for stage, one in zip(self._stages, samples, strict=True):
            try:
                self._objective.joined([own, one.rows(first)])
            except ValueError as error:
                raise EngineError(
                    "checkpoint_mismatch",
                    f"The data of {stage.ancestor.job} cannot be replayed: {error}.",
                    "Give the job the settings in data that the earlier job has, or leave continual.replay out.",
                    case="replay",
                    job=stage.ancestor.job,
                    error=error,
                ) from None


class BufferSamples:
    """Some samples of several data, one after another.

    Args:
        parts: Samples, and which of them.
        objective: Joins rows of different data.
    """

    labels = None

    def __init__(self, parts: Sequence[tuple[Samples, NDArray[np.int64]]], objective: Objective) -> None:
        self._parts = parts
        self._objective = objective
        self._ends = np.cumsum([len(chosen) for _, chosen in parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def rows(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """The raw samples at ``indices``, in their order, shape (B, …)."""
        part_of = np.searchsorted(self._ends, indices, side="right")
        order = np.argsort(part_of, kind="stable")
        found = []
        for number in np.unique(part_of):
            samples, chosen = self._parts[number]
            inside = indices[part_of == number] - (self._ends[number] - len(chosen))
            found.append(samples.rows(chosen[inside]))
        if not found:
            return self._parts[0][0].rows(indices)
        rows = self._objective.joined(found)
        return rows if len(found) == 1 else rows[np.argsort(order, kind="stable")]

    def require(self, count: int) -> None:
        """Nothing: a buffer may be smaller than a batch."""


def _labels(samples: Sequence[Samples]) -> NDArray[np.int64]:
    """The class of each sample; all data have the same numbering."""
    found = []
    for one in samples:
        assert one.labels is not None
        found.append(one.labels)
    return np.concatenate(found)
