"""Linear probe and k nearest neighbours of a checkpoint's features, where a dataset has labels."""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.assessment.section import Section
from core.data import Samples
from core.evaluation.probes import knn_classes, linear_classes
from core.objectives.base import Objective
from core.spec.metrics import REPRESENTATION
from core.training.probing import encode, spread

PROBE_SAMPLES = 10_000
"""Labelled training samples that the classifiers are fitted to, at most; evenly spread over the split."""
Encode = Callable[[Objective, Samples, NDArray[np.int64]], Tensor | None]
_NAMES = ("linear_accuracy", "knn_accuracy")


def probe_section(
    objective: Objective, train: Samples, held_out: Samples, noun: str, encode: Encode = encode
) -> Section | None:
    """Accuracies of two classifiers on frozen features: fitted to the training split, measured on the held-out one.

    None without labels, without features, or where fewer than two classes are known.

    Args:
        noun: what a sample is, in the plural: ``images``.
        encode: gives the features of samples; None for an objective without.
    """
    known, asked = train.labels, held_out.labels
    if known is None or asked is None:
        return None
    labelled = np.flatnonzero(known >= 0)
    chosen = labelled[spread(PROBE_SAMPLES, len(labelled))]
    kept = np.flatnonzero(asked >= 0)
    if len(np.unique(known[chosen])) < 2 or len(kept) == 0:
        return None
    learned, features = encode(objective, train, chosen), encode(objective, held_out, kept)
    if learned is None or features is None or not (learned.isfinite().all() and features.isfinite().all()):
        return None
    device = features.device
    wanted = torch.from_numpy(asked[kept]).to(device)
    arguments = (learned, torch.from_numpy(known[chosen]).to(device), features, wanted)
    correct = {
        "linear_accuracy": (linear_classes(*arguments) == wanted).cpu().numpy(),
        "knn_accuracy": (knn_classes(*arguments) == wanted).cpu().numpy(),
    }
    unit, of = noun, np.arange(len(kept))
    recordings: NDArray[np.int64] | None = getattr(held_out, "recordings", None)
    if recordings is not None:
        unit, of = "recordings", np.unique(recordings[kept], return_inverse=True)[1]
    units = int(of.max()) + 1
    sums: Mapping[str, NDArray[np.int64]] = {
        name: np.bincount(of[right], minlength=units) for name, right in correct.items()
    }
    samples = np.bincount(of, minlength=units)

    def measure(counts: NDArray[np.int64]) -> dict[str, float]:
        total = int(counts @ samples)
        return {name: float(counts @ right) / total for name, right in sums.items()}

    return Section(
        name="probes",
        counted=(
            f"A logistic regression and the 20 nearest neighbours on the frozen features of {len(chosen):,} labelled {noun} of the "
            f"training split; measured on {len(kept):,} labelled {noun} of the held-out split."
        ),
        unit=unit,
        units=units,
        identity="labelled held-out samples",
        values=measure(np.ones(units, dtype=np.int64)),
        metrics=[metric for metric in REPRESENTATION if metric.name in _NAMES],
        measure=measure,
        correct=correct if units == len(kept) else {},
    )
