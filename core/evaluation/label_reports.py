"""Tables and pictures of predictions of several classes for each sample."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from core.evaluation.classification import label_aurocs
from core.evaluation.reports import MISTAKES, Document, Shown, class_rows, finite, reliability_of


def label_documents(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.bool_],
    classes: Sequence[str],
    show: Callable[[NDArray[np.int64]], Sequence[Shown]],
) -> list[Document]:
    """All documents; empty without samples.

    Args:
        probabilities: Shape (N, C). A class is predicted from a half on.
        labels: Bool (N, C).
        classes: Names of the C classes.
        show: Gives what people see of the samples at some positions.
    """
    if len(labels) == 0:
        return []
    predicted = probabilities >= 0.5
    areas = label_aurocs(torch.from_numpy(probabilities), torch.from_numpy(labels)).numpy()
    rows = class_rows(
        classes,
        right=(predicted & labels).sum(axis=0),
        truth=labels.sum(axis=0),
        predicted=predicted.sum(axis=0),
        areas=areas,
    )
    return [
        {"kind": "per_class", "rows": rows},
        reliability_of(probabilities.reshape(-1), labels.reshape(-1)),
        label_mistakes(probabilities, labels, classes, show),
    ]


def label_mistakes(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.bool_],
    classes: Sequence[str],
    show: Callable[[NDArray[np.int64]], Sequence[Shown]],
) -> Document:
    """The samples with the most wrong decisions; of equally many those with the largest summed distance from the truth first."""
    wrong = (probabilities >= 0.5) != labels
    counts = wrong.sum(axis=1)
    distance = (np.abs(probabilities - labels) * wrong).sum(axis=1)
    order = np.lexsort((np.arange(len(counts)), -distance, -counts))
    worst = order[counts[order] > 0][:MISTAKES]

    def named(chosen: NDArray[np.bool_], number: int) -> list[dict[str, object]]:
        return [
            {"class": classes[place], "probability": finite(float(probabilities[number, place]))}
            for place in np.flatnonzero(chosen).tolist()
        ]

    return {
        "kind": "label_mistakes",
        "mistakes": [
            {
                "sample": int(number),
                "missed": named(wrong[number] & labels[number], number),
                "added": named(wrong[number] & ~labels[number], number),
                "right": named(~wrong[number] & labels[number], number),
                **seen,
            }
            for number, seen in zip(worst, show(worst), strict=True)
        ],
    }
