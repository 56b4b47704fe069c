"""Measures the quality of features: by classifiers on them, by fine-tuning the network, and by a baseline without a network."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from benchmarks.learn import audio
from benchmarks.learn.recipes import Measure
from core.data import SplitName
from core.data.audio import AudioSamples, PreparedAudio
from core.evaluation.probes import knn_accuracy, linear_accuracy
from core.objectives.audio import AudioObjective
from core.objectives.base import Objective
from core.objectives.images import ImageObjective
from core.randomness import derive_seed, seed_torch
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.probing import encode, spread

FLOOR_LABELS = 10_000
LINEAR_LABELS = 5_000
FINE_TUNING_LABELS = 1_000
FINE_TUNING_EPOCHS = 10
HELD_OUT = 2_000
_BATCH = 50


class Labelled:
    """At most ``count`` labelled samples of a split, spread evenly over it."""

    def __init__(self, objective: Objective, split: SplitName, count: int) -> None:
        self.samples = objective.samples(split)
        labels = self.samples.labels
        assert labels is not None
        known = np.flatnonzero(labels >= 0)
        if len(known) == 0:
            raise SystemExit(
                "The data has no classes: put the samples of each class into a folder of its own."
            )
        self.indices: NDArray[np.int64] = known[spread(count, len(known))]
        self.labels = torch.from_numpy(labels[self.indices])

    def rows(self, which: NDArray[np.int64]) -> NDArray[Any]:
        return self.samples.rows(self.indices[which])


def score(job: JobSpec, data: Any, checkpoint: Path | None, measure: Measure) -> float:
    """Accuracy on held-out samples of the encoder in ``checkpoint``; with None, of its initial network."""
    objective = create_objective(job, data)
    if checkpoint is not None:
        objective.restore(checkpoint)
    if measure == "fine_tuned":
        return _fine_tuned(objective, job.training.seed)
    known, asked = Labelled(objective, "train", LINEAR_LABELS), Labelled(objective, "held_out", HELD_OUT)
    objective.eval()
    if isinstance(objective, AudioObjective):
        return _accuracy_of_best_layer(objective, known, asked)
    with torch.no_grad():
        first, second = (encode(objective, part.samples, part.indices) for part in (known, asked))
    assert first is not None
    assert second is not None
    return linear_accuracy(first, known.labels, second, asked.labels)


def _accuracy_of_best_layer(objective: AudioObjective, known: Labelled, asked: Labelled) -> float:
    """Accuracy of the best layer, chosen by leave-one-speaker-out cross-validation on the training split."""
    (first, speakers), (second, _) = (_layers(objective, part) for part in (known, asked))

    def among_known(layer: int) -> float:
        found = []
        for speaker in np.unique(speakers):
            out = torch.from_numpy(speakers == speaker)
            found.append(
                linear_accuracy(first[~out, layer], known.labels[~out], first[out, layer], known.labels[out])
            )
        return sum(found) / len(found)

    best = max(range(first.shape[1]), key=among_known)
    return linear_accuracy(first[:, best], known.labels, second[:, best], asked.labels)


def _layers(objective: AudioObjective, part: Labelled) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Features of all layers, (N, layers + 1, hidden), standardised by speaker, and the speakers."""
    assert isinstance(part.samples, AudioSamples)
    numbers = np.array_split(np.arange(len(part.indices)), -(-len(part.indices) // _BATCH))
    with torch.no_grad():
        features = torch.cat([objective.encode_layers(part.rows(which)) for which in numbers])
    speakers = part.samples.groups[part.indices]
    return audio.standardised_by_speaker(features, speakers), speakers


def floor(job: JobSpec, data: Any) -> float:
    """The baseline accuracy without a network.

    For images: nearest neighbours by the cosine of normalised pixels. For recordings: `benchmarks.learn.audio.floor`.
    """
    if isinstance(data, PreparedAudio):
        return audio.floor(data)
    objective = create_objective(job, data)
    assert isinstance(objective, ImageObjective)
    known, asked = Labelled(objective, "train", FLOOR_LABELS), Labelled(objective, "held_out", HELD_OUT)
    first, second = (
        objective.normalised(objective.pixels(part.rows(np.arange(len(part.indices))))).flatten(1)
        for part in (known, asked)
    )
    return knn_accuracy(first, known.labels, second, asked.labels)


def _fine_tuned(objective: Objective, seed: int) -> float:
    """Accuracy after training encoder and classifier on a few labels: AdamW, rate 1e-3 with cosine decay, no augmentation."""
    known, asked = Labelled(objective, "train", FINE_TUNING_LABELS), Labelled(objective, "held_out", HELD_OUT)
    seed_torch(seed, "fine-tuning")
    width = cast("torch.Tensor", objective.encode(known.rows(np.arange(1)))).shape[1]
    head = torch.nn.Linear(width, int(known.labels.max()) + 1)
    trained = [parameter for parameter in objective.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW([*trained, *head.parameters()], lr=1e-3, weight_decay=0.05)
    steps = FINE_TUNING_EPOCHS * -(-len(known.indices) // _BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    objective.train()
    for epoch in range(FINE_TUNING_EPOCHS):
        order = np.random.default_rng(derive_seed(seed, "order", epoch)).permutation(len(known.indices))
        for start in range(0, len(order), _BATCH):
            which = order[start : start + _BATCH]
            features = objective.encode(known.rows(which))
            assert features is not None
            loss = functional.cross_entropy(head(features), known.labels[torch.from_numpy(which)])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
    objective.eval()
    with torch.no_grad():
        found = encode(objective, asked.samples, asked.indices)
        assert found is not None
        right = head(found).argmax(dim=1) == asked.labels
    return float(right.float().mean().item())
