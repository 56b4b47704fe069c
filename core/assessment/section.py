"""A part of an evaluation: measures that are computed from the same units of a dataset."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.evaluation.bootstrap import Measure
from core.spec.metrics import Metric

SplitChoice = Literal["held_out", "train", "all"]


@dataclass(frozen=True, slots=True)
class Section:
    """Measures of a checkpoint on a dataset, and what their intervals are computed from."""

    name: Literal["task", "language", "probes", "classification"]
    counted: str
    """How it is counted, in one or two sentences, for people."""
    unit: str
    """What is drawn with replacement: ``documents``, ``images``, ``recordings`` …"""
    units: int
    identity: str
    """The same for two sections whose unit ``i`` is the same part of the data, so that they can be compared in pairs."""
    values: Mapping[str, float]
    """The measures on the whole split, by name."""
    metrics: Sequence[Metric]
    """What the names mean, in the order of display; a name that is missing here is only a name."""
    measure: Measure | None
    """The same measures on resamples; None if they cannot be computed from single units."""
    correct: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)
    """Which samples are classified correctly, shape (units,), by the name of the accuracy."""
    documents: Sequence[Mapping[str, Any]] = ()
    """Tables and pictures (`core.evaluation.reports`)."""
