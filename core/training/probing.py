"""Measures the representation during training, after an evaluation: probes, health measures, collapse."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.augmentation import draw_views, views
from core.data import Samples
from core.evaluation.probes import knn_accuracy, linear_accuracy
from core.evaluation.representation import alignment, has_collapsed, health
from core.events import Events
from core.objectives.base import Objective, chunks
from core.randomness import derive_seed
from core.spec.augmentation import simclr
from core.spec.training import TrainingSpec

_AT_ONCE = 128
_PAIRS = 256
"""Samples of which two views are encoded to measure their alignment."""
_VIEWS_KEY = derive_seed(0, "evaluation views")


def examine(
    objective: Objective,
    train: Samples,
    held_out: Samples,
    indices: NDArray[np.int64],
    training: TrainingSpec,
) -> dict[str, float]:
    """Measures of the features from `Objective.encode` for some held-out samples; none if it returns None, or the task has
    no such measures.

    There are none for data that cannot have labels, such as text: a language model is judged by its loss, and its
    features always lie close together, which `core.evaluation.representation.has_collapsed` would report as a collapse.

    Runs as `Objective.evaluate` does.

    Args:
        train: the training split; the probes use labelled samples of it, evenly spread, at most
            ``training.probe_samples``.
        indices: of held-out samples.
    """
    measured = objective.measures_representation and held_out.labels is not None
    features = encode(objective, held_out, indices) if measured else None
    if features is None:
        return {}
    values = health(features)
    pairs = _two_views(objective, held_out, indices[:_PAIRS])
    if pairs is not None:
        values["health/alignment"] = alignment(*pairs)
    if training.probe_samples and features.isfinite().all():
        values |= _probes(objective, train, held_out, (indices, features), training.probe_samples)
    return values


def encode(objective: Objective, samples: Samples, indices: NDArray[np.int64]) -> Tensor | None:
    """Features of some samples, shape (N, D); None if the task has none."""
    found = []
    for chunk in chunks(indices, _AT_ONCE):
        part = objective.encode(samples.rows(chunk))
        if part is None:
            return None
        found.append(part.float())
    return torch.cat(found) if found else None


def spread(count: int, size: int) -> NDArray[np.int64]:
    """At most ``count`` of the numbers below ``size``, evenly spread, the same each time."""
    number = min(count, size)
    indices: NDArray[np.int64] = np.arange(number, dtype=np.int64) * size // max(1, number)
    return indices


class CollapseAlarm:
    """Warns at the first measurement that shows a collapse of the representation, and again after a recovery."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._reported = False

    def observe(self, values: dict[str, float], step: int) -> bool:
        """Whether ``values`` of step ``step`` show a collapse; a warning is emitted if the values before did not."""
        if not has_collapsed(values):
            self._reported = False
            return False
        if not self._reported:
            self._events.warn(
                "representation_collapse",
                f"At step {step} all samples have nearly the same features (health/std "
                f"{values['health/std']:.2g}, health/rankme {values['health/rankme']:.3g}). Start again from an earlier "
                "checkpoint with a lower training.optimizer.learning_rate or a longer schedule.warmup_steps; for a "
                "task with a moving-average teacher, with a momentum nearer to 1; for a contrastive task, with a "
                "larger batch_size.",
                step=step,
                std=values["health/std"],
                rankme=values["health/rankme"],
            )
        self._reported = True
        return True


def _probes(
    objective: Objective,
    train: Samples,
    held_out: Samples,
    asked_for: tuple[NDArray[np.int64], Tensor],
    count: int,
) -> dict[str, float]:
    """Accuracies of classifiers on the features, where samples have labels."""
    indices, features = asked_for
    known, asked = train.labels, held_out.labels
    if known is None or asked is None:
        return {}
    labelled = np.flatnonzero(known >= 0)
    chosen = labelled[spread(count, len(labelled))]
    kept = np.flatnonzero(asked[indices] >= 0)
    if len(np.unique(known[chosen])) < 2 or len(kept) == 0:
        return {}
    learned = encode(objective, train, chosen)
    assert learned is not None
    device = features.device
    arguments = (
        learned,
        torch.from_numpy(known[chosen]).to(device),
        features[torch.from_numpy(kept).to(device)],
        torch.from_numpy(asked[indices][kept]).to(device),
    )
    return {
        "probe/knn_accuracy": knn_accuracy(*arguments),
        "probe/linear_accuracy": linear_accuracy(*arguments),
    }


def _two_views(
    objective: Objective, samples: Samples, indices: NDArray[np.int64]
) -> tuple[Tensor, Tensor] | None:
    """Features of two random views of each image; None where samples are no images."""
    if len(indices) == 0 or not is_image(samples.rows(indices[:1])):
        return None
    pairs: list[list[Tensor]] = [[], []]
    for chunk in chunks(indices, _AT_ONCE):
        rows = samples.rows(chunk)
        spec = simclr(min(rows.shape[1:3]))
        drawn = draw_views(spec, chunk, _VIEWS_KEY, rows.shape[1:3], count=2)
        made = views(torch.from_numpy(rows), drawn, spec)
        images = (made.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        for number in range(2):
            found = objective.encode(np.ascontiguousarray(images[number * len(rows) :][: len(rows)]))
            assert found is not None
            pairs[number].append(found.float())
    return torch.cat(pairs[0]), torch.cat(pairs[1])


def is_image(rows: NDArray[Any]) -> bool:
    """Whether raw samples are images: bytes of shape (B, H, W, C)."""
    return rows.dtype == np.uint8 and rows.ndim == 4 and rows.shape[3] in {1, 3}
