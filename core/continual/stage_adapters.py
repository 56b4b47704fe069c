"""A new adapter for each stage: the network below stays as it was before the first of them, and every stage keeps its own adapter and head.

So no stage is forgotten, as long as it is known, or found, which of them a sample is of.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.continual.classes import InCommon
from core.continual.opening import reading_of
from core.data import Samples
from core.data.progress import OnProgress, Progress
from core.errors import EngineError
from core.objectives.base import Objective, chunks
from core.objectives.hooks import Hook
from core.spec.continual import StageAdapters
from core.spec.job import JobSpec
from core.training.devices import Place

_OWN, _EMPTY, _PROTOTYPES = "stage", "empty", "prototypes"
_AT_ONCE = 128

Weights = Mapping[str, Tensor]


class AdapterOfEachStage(Hook):
    """Keeps the trained weights of each stage, and has each stage measured with its own.

    A stage that was learned without adapters has one that does nothing, and the head that the first stage with adapters starts from.

    To find the stage of a sample (route ``prototype``), its features by the network without adapters are compared with the means of each
    class of each stage's training samples; the network does not change, so that the means stay true.

    Args:
        job: With every ``auto`` decided.
        common: The data of the stage that is learned, and of the earlier ones.
        objective: Of the run, with a fresh adapter, unless `restore` is called.
    """

    name: ClassVar[str] = "adapters"

    def __init__(  # noqa: PLR0917 - what a run is made of
        self,
        settings: StageAdapters,
        job: JobSpec,
        common: InCommon,
        objective: Objective,
        place: Place,
        on_progress: OnProgress,
    ) -> None:
        assert job.continual is not None
        self._settings = settings
        self._job = job
        self._common = common
        self._objective = objective
        self._place = place
        self._on_progress = on_progress
        self._numbers = {ancestor.job: number for number, ancestor in enumerate(job.continual.ancestors)}
        self._own = len(self._numbers)
        """The number of the job's own stage; those before it have the numbers of the ancestors."""
        self._kept: dict[int, dict[str, Tensor]] = {}
        self._empty: dict[str, Tensor] = {}
        """The trained weights before the first step: the adapter does nothing yet."""
        self._prototypes: dict[int, Tensor] = {}
        """Of each stage the mean features of its classes, shape (classes, D)."""

    def begin(self, kept: Mapping[str, Tensor]) -> None:
        """Take the adapters of the earlier stages from the checkpoint that the stage starts from.

        Args:
            kept: What the checkpoint has of `tensors`; empty where its job had no adapters by stage.

        Raises:
            EngineError: ``earlier_data_missing``, where stages are to be told apart, and the data of one are not there.
        """
        self.restore(kept)
        self._empty = self._trained()
        for number in range(self._own):
            self._kept.setdefault(number, self._trained())
        if self._settings.route == "prototype":
            self._measure_prototypes()

    def finish(self) -> None:
        self._kept[self._own] = self._trained()

    def tensors(self) -> Mapping[str, Tensor]:
        # A stage may go on from a checkpoint that was written before the end.
        stages = self._kept | {self._own: self._trained()}
        found = {
            f"{_OWN}.{number}.{name}": one for number, kept in stages.items() for name, one in kept.items()
        }
        found |= {f"{_EMPTY}.{name}": one for name, one in self._empty.items()}
        return found | {f"{_PROTOTYPES}.{number}": one for number, one in self._prototypes.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        device = self._place.device
        for name, tensor in tensors.items():
            kind, _, rest = name.partition(".")
            if kind == _EMPTY:
                self._empty[rest] = tensor.to(device)
            elif kind == _PROTOTYPES:
                self._prototypes[int(rest)] = tensor.to(device)
            else:
                number, _, parameter = rest.partition(".")
                self._kept.setdefault(int(number), {})[parameter] = tensor.to(device)

    def prepare(self, objective: Objective, of: str | None) -> None:
        """Have an objective with the run's weights answer with the adapter of a stage, or of the stage that each sample is found to be of.

        Args:
            of: The job of an earlier stage. None: the run's own.
        """
        number = self._own if of is None else self._numbers[of]
        self._kept.setdefault(self._own, self._trained())
        if self._settings.route == "prototype":
            _Routed(objective, self._kept, self._empty, self._prototypes)
        else:
            _load(objective, self._kept[number])

    def _trained(self) -> dict[str, Tensor]:
        return {
            name: one.detach().clone()
            for name, one in self._objective.named_parameters()
            if one.requires_grad
        }

    def _measure_prototypes(self) -> None:
        readers = {
            self._numbers[stage.ancestor.job]: reading_of(stage, self._job) for stage in self._common.stages
        }
        for number in range(self._own + 1):
            if number in self._prototypes:
                continue
            reader = self._objective if number == self._own else readers.get(number)
            if reader is None:
                raise EngineError(
                    "earlier_data_missing",
                    "The spec has stages told apart by their samples, and the dataset of an earlier stage is not there.",
                    "Set continual.adapters.route to stage.",
                    case="prototypes",
                )
            self._prototypes[number] = self._means(reader.samples("train"))

    def _means(self, samples: Samples) -> Tensor:
        labels = samples.labels
        assert labels is not None
        progress = Progress(self._on_progress, "prototypes", len(samples), "samples")
        found = []
        was_training = self._objective.training
        self._objective.eval()
        with torch.no_grad():
            for chunk in chunks(np.arange(len(samples)), _AT_ONCE):
                found.append(_features(self._objective, samples.rows(chunk)))
                progress.add(len(chunk))
        self._objective.train(was_training)
        progress.finish()
        features = torch.cat(found)
        return torch.stack(
            [features[torch.from_numpy(labels == label)].mean(dim=0) for label in np.unique(labels)]
        )


class _Routed:
    """Answers of an objective with the adapter of the stage whose prototype is nearest; takes the place of its `predictions`."""

    def __init__(
        self, objective: Any, kept: Mapping[int, Weights], empty: Weights, prototypes: Mapping[int, Tensor]
    ) -> None:
        self._objective = objective
        self._kept = kept
        self._empty = empty
        self._stages = torch.cat(
            [torch.full((len(means),), number) for number, means in sorted(prototypes.items())]
        )
        self._prototypes = torch.cat([means for _, means in sorted(prototypes.items())])
        self._predictions = objective.predictions
        objective.predictions = self.predictions

    def predictions(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> Tensor:
        _load(self._objective, self._empty)
        features = [_features(self._objective, samples.rows(chunk)) for chunk in chunks(indices, batch_size)]
        nearest = torch.cdist(torch.cat(features), self._prototypes).argmin(dim=1).cpu()
        stages = self._stages[nearest].numpy()
        parts, places = [], []
        for number in np.unique(stages):
            _load(self._objective, self._kept[int(number)])
            places.append(np.flatnonzero(stages == number))
            parts.append(self._predictions(samples, indices[places[-1]], batch_size))
        return torch.cat(parts)[torch.from_numpy(np.argsort(np.concatenate(places)))]


def _features(objective: Objective, rows: NDArray[Any]) -> Tensor:
    features = objective.encode(rows)
    assert features is not None
    return features.float()


def _load(objective: Objective, weights: Weights) -> None:
    """Set trained weights. Those of a head that knew fewer classes are of its first outputs; the others stay as they are."""
    parameters = dict(objective.named_parameters())
    with torch.no_grad():
        for name, one in weights.items():
            whole = parameters[name]
            whole[: len(one)].copy_(one)
