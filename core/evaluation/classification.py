"""Measures of classifiers, computed by `torchmetrics`."""

import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

_TOP = 5


def single_label(scores: Tensor, labels: Tensor) -> dict[str, float]:
    """Measures of a prediction of one class for each sample.

    The loss is the mean cross-entropy in nats, without smoothing or weights. Macro averages are over the classes that
    occur among labels or predictions. Micro averages are left out: with one class a sample all of them are the accuracy.

    Args:
        scores: Logits, shape (N, C), C at least 2.
        labels: Shape (N,).

    Returns:
        Values by name, as in `core.spec.metrics.CLASSIFICATION`. NaN without samples.
    """
    count, classes = scores.shape
    names = ["loss", "accuracy", "macro_f1", "macro_precision", "macro_recall"]
    if classes > _TOP:
        names.append("top5_accuracy")
    if count == 0:
        return dict.fromkeys(names, float("nan"))
    scores = scores.double()
    predicted = scores.argmax(dim=1)
    found = [
        functional.cross_entropy(scores, labels),
        (predicted == labels).double().mean(),
        multiclass_f1_score(predicted, labels, classes, average="macro"),
        multiclass_precision(predicted, labels, classes, average="macro"),
        multiclass_recall(predicted, labels, classes, average="macro"),
    ]
    if classes > _TOP:
        found.append(multiclass_accuracy(scores, labels, classes, average="micro", top_k=_TOP))
    return dict(zip(names, torch.stack([value.double() for value in found]).tolist(), strict=True))
