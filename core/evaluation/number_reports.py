"""Tables and pictures of predicted numbers."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from core.evaluation.classification import number
from core.evaluation.reports import MISTAKES, Document, Shown, finite

POINTS = 500
"""Points of a scatter plot, at most; more cannot be told apart."""


def number_documents(
    predicted: NDArray[np.float64],
    truth: NDArray[np.float64],
    show: Callable[[NDArray[np.int64]], Sequence[Shown]],
) -> list[Document]:
    """All documents; empty without samples. Predictions that are not finite are in no point of the scatter plot.

    Args:
        predicted: Shape (N,).
        truth: Shape (N,).
        show: Gives what people see of the samples at some positions.
    """
    if len(truth) == 0:
        return []
    measures = number(torch.from_numpy(predicted), torch.from_numpy(truth))
    drawn = np.flatnonzero(np.isfinite(predicted) & np.isfinite(truth))
    # Evenly spread over the samples in order, so that the choice does not depend on the numbers.
    kept = drawn[np.arange(min(POINTS, len(drawn))) * len(drawn) // max(1, min(POINTS, len(drawn)))]
    errors = np.abs(predicted - truth)
    worst = np.argsort(-np.where(np.isfinite(errors), errors, np.inf), kind="stable")[:MISTAKES]
    return [
        {
            "kind": "scatter",
            "samples": len(truth),
            "points": [[float(truth[place]), float(predicted[place])] for place in kept],
            "r2": finite(measures["r2"]),
            "mean_absolute_error": finite(measures["mean_absolute_error"]),
            "pearson": finite(measures["pearson"]),
        },
        {
            "kind": "number_mistakes",
            "mistakes": [
                {
                    "sample": int(place),
                    "truth": finite(float(truth[place])),
                    "predicted": finite(float(predicted[place])),
                    **seen,
                }
                for place, seen in zip(worst, show(worst), strict=True)
            ],
        },
    ]
