"""Tables and pictures of predictions: JSON documents, each with its ``kind``, that the dashboard draws. Here those of classes.

Numbers that are not defined (the precision of a class that was never predicted) are null.
"""

import base64
import io
import math
import wave
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from core.evaluation.classification import BINS, label_aurocs
from core.evaluation.pictures import png

Document = dict[str, Any]
Shown = Mapping[str, Any]
"""What a person sees of a sample: ``text``, ``words`` (a list), or ``image`` or ``sound`` as data URIs."""

MOST_CLASSES = 100
"""Classes in a confusion matrix, the most frequent ones: more names cannot be read."""
MISTAKES = 12
_SOUND_SECONDS = 5


def classification_documents(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    show: Callable[[NDArray[np.int64]], Sequence[Shown]],
) -> list[Document]:
    """All documents of a classifier with one class for each sample; empty without samples.

    Args:
        probabilities: shape (N, C).
        labels: shape (N,).
        classes: names of the C classes.
        show: gives what people see of the samples at some positions of ``labels``.
    """
    if len(labels) == 0:
        return []
    counts = confusion(probabilities.argmax(axis=1), labels, len(classes))
    return [
        confusion_matrix(counts, classes),
        reliability(probabilities, labels),
        per_class(counts, classes, _areas(probabilities, labels)),
        mistakes(probabilities, labels, classes, show),
    ]


def confusion(
    predicted: NDArray[np.int64],
    labels: NDArray[np.int64],
    classes: int,
    weights: NDArray[Any] | None = None,
) -> NDArray[np.float64]:
    """Samples by true class (row) and predicted class (column), shape (classes, classes).

    Args:
        weights: how often each sample counts, shape (N,). None: once.
    """
    cells = np.bincount(labels * classes + predicted, weights, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.float64)


def confusion_matrix(counts: NDArray[np.float64], classes: Sequence[str]) -> Document:
    """The counts of the most frequent classes, in the order of the classes."""
    frequent = np.argsort(-(counts.sum(axis=1) + counts.sum(axis=0)), kind="stable")[:MOST_CLASSES]
    kept = np.sort(frequent)
    return {
        "kind": "confusion_matrix",
        "classes": [classes[number] for number in kept],
        "counts": counts[np.ix_(kept, kept)].astype(int).tolist(),
        "left_out": len(classes) - len(kept),
    }


def per_class(
    counts: NDArray[np.float64], classes: Sequence[str], areas: NDArray[np.float64] | None = None
) -> Document:
    """Precision, recall, F1 and AUROC of each class.

    Args:
        counts: As `confusion` gives them.
        areas: Area under the ROC curve of each class against the others, shape (C,), NaN where it is not defined.
    """
    rows = class_rows(
        classes,
        right=np.diag(counts),
        truth=counts.sum(axis=1),
        predicted=counts.sum(axis=0),
        areas=np.full(len(classes), np.nan) if areas is None else areas,
    )
    return {"kind": "per_class", "rows": rows}


def class_rows(
    classes: Sequence[str],
    *,
    right: NDArray[Any],
    truth: NDArray[Any],
    predicted: NDArray[Any],
    areas: NDArray[np.float64],
) -> list[dict[str, Any]]:
    """A row for each class.

    Args:
        right: Samples of each class that were assigned to it, shape (C,).
        truth: Samples of each class.
        predicted: Samples that were assigned to each class.
        areas: Area under the ROC curve of each class.
    """
    return [
        {
            "class": name,
            "samples": int(truth[number]),
            "precision": _share(right[number], predicted[number]),
            "recall": _share(right[number], truth[number]),
            "f1": _share(2 * right[number], truth[number] + predicted[number]),
            "auroc": finite(float(areas[number])),
        }
        for number, name in enumerate(classes)
    ]


def reliability(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> Document:
    """Accuracy by confidence, the probability of the predicted class.

    Args:
        probabilities: Shape (N, C).
        labels: Shape (N,).
    """
    return reliability_of(probabilities.max(axis=1), probabilities.argmax(axis=1) == labels)


def reliability_of(confidence: NDArray[np.float64], correct: NDArray[np.bool_]) -> Document:
    """How often predictions of each confidence come true, in bins of equal width, and the calibration error.

    The expected calibration error (Guo et al. 2017, arXiv 1706.04599) is the mean distance of accuracy and confidence.

    Args:
        confidence: Of N predictions, shape (N,).
        correct: Whether each came true, shape (N,).
    """
    place = bins_of(confidence)
    samples = np.bincount(place, minlength=BINS)
    confident, right = (np.bincount(place, values, minlength=BINS) for values in (confidence, correct))
    return {
        "kind": "reliability",
        "bins": [
            {
                "low": number / BINS,
                "high": (number + 1) / BINS,
                "samples": int(samples[number]),
                "confidence": _share(confident[number], samples[number]),
                "accuracy": _share(right[number], samples[number]),
            }
            for number in range(BINS)
        ],
        "error": finite(float(np.abs(confident - right).sum() / len(confidence))),
    }


def bins_of(confidence: NDArray[np.float64]) -> NDArray[np.int64]:
    """The bin of each confidence, from 0; a bin contains its lower border, as `torchmetrics` has it."""
    places = np.searchsorted(np.linspace(0, 1, BINS + 1), confidence, side="right") - 1
    found: NDArray[np.int64] = np.clip(places, 0, BINS - 1)
    return found


def mistakes(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    classes: Sequence[str],
    show: Callable[[NDArray[np.int64]], Sequence[Shown]],
) -> Document:
    """The wrong predictions with the highest confidence."""
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")[:MISTAKES]]
    return {
        "kind": "mistakes",
        "mistakes": [
            {
                "sample": int(number),
                "truth": classes[labels[number]],
                "predicted": classes[predicted[number]],
                "confidence": finite(float(confidence[number])),
                **seen,
            }
            for number, seen in zip(worst, show(worst), strict=True)
        ],
    }


def picture(pixels: NDArray[np.uint8]) -> Shown:
    """An image of shape (H, W, C), C 1 or 3."""
    return {"image": "data:image/png;base64," + base64.b64encode(png(pixels)).decode()}


def sound(samples: NDArray[np.int16], sampling_rate: int) -> Shown:
    """The first five seconds of a recording, shape (samples,), full scale ±32767."""
    stream = io.BytesIO()
    with wave.open(stream, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sampling_rate)
        file.writeframes(samples[: _SOUND_SECONDS * sampling_rate].astype("<i2").tobytes())
    return {"sound": "data:audio/wav;base64," + base64.b64encode(stream.getvalue()).decode()}


def finite(value: float) -> float | None:
    """The value, or None where it is infinite or NaN, which JSON does not have."""
    return value if math.isfinite(value) else None


def _areas(probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    positives = labels[:, None] == np.arange(probabilities.shape[1])
    found: NDArray[np.float64] = label_aurocs(
        torch.from_numpy(probabilities), torch.from_numpy(positives)
    ).numpy()
    return found


def _share(part: float, whole: float) -> float | None:
    return finite(float(part / whole)) if whole else None
