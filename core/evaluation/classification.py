"""Measures of classifiers, computed by `torchmetrics`."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_calibration_error,
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
    multilabel_f1_score,
    multilabel_precision,
    multilabel_recall,
)
from torchmetrics.functional.regression import (
    mean_absolute_error,
    pearson_corrcoef,
    r2_score,
    spearman_corrcoef,
)

TOP = 5
BINS = 15
"""Bins of confidence from which the calibration error is computed."""


def single_label(scores: Tensor, labels: Tensor) -> dict[str, float]:
    """Measures of a prediction of one class for each sample.

    The loss is the mean cross-entropy in nats, without smoothing or weights. Macro averages are over the classes that
    occur among labels or predictions. With one class a sample every micro average is the accuracy.

    Args:
        scores: Logits, shape (N, C), C at least 2.
        labels: Shape (N,).

    Returns:
        Values by name, as in `core.spec.metrics.CLASSIFICATION`. NaN without samples; no AUROC if all are of one class.
    """
    count, classes = scores.shape
    names = [
        "loss",
        "accuracy",
        "micro_f1",
        "macro_f1",
        "macro_precision",
        "macro_recall",
        "calibration_error",
    ]
    if count == 0:
        return dict.fromkeys([*names, *(["top5_accuracy"] if classes > TOP else [])], float("nan"))
    scores = scores.double()
    predicted, probabilities = scores.argmax(dim=1), scores.softmax(dim=1)
    found = [
        functional.cross_entropy(scores, labels),
        (predicted == labels).double().mean(),
        multiclass_f1_score(predicted, labels, classes, average="micro"),
        multiclass_f1_score(predicted, labels, classes, average="macro"),
        multiclass_precision(predicted, labels, classes, average="macro"),
        multiclass_recall(predicted, labels, classes, average="macro"),
        multiclass_calibration_error(probabilities, labels, classes, n_bins=BINS),
    ]
    if len(np.unique(labels.cpu().numpy())) > 1:
        names.append("auroc")
        found.append(macro_auroc(probabilities, labels))
    if classes > TOP:
        names.append("top5_accuracy")
        found.append(multiclass_accuracy(scores, labels, classes, average="micro", top_k=TOP))
    return dict(zip(names, torch.stack([value.double() for value in found]).tolist(), strict=True))


def several_labels(scores: Tensor, labels: Tensor) -> dict[str, float]:
    """Measures of a prediction of any number of classes for each sample: those with a probability of a half or more.

    The loss is the mean binary cross-entropy in nats, without smoothing or weights.

    Args:
        scores: Logits, shape (N, C).
        labels: Whether each sample has each class, bool (N, C).

    Returns:
        Values by name, as in `core.spec.metrics`. NaN without samples; no AUROC where each class has all samples or none.
    """
    names = [
        "loss",
        "exact_match",
        "micro_f1",
        "micro_precision",
        "micro_recall",
        "macro_f1",
        "macro_precision",
        "macro_recall",
        "calibration_error",
    ]
    if len(scores) == 0:
        return dict.fromkeys(names, float("nan"))
    scores, classes = scores.double(), scores.shape[1]
    predicted, truth, probabilities = (scores >= 0).long(), labels.long(), scores.sigmoid()
    found = [
        functional.binary_cross_entropy_with_logits(scores, labels.double()),
        (predicted == truth).all(dim=1).double().mean(),
        multilabel_f1_score(predicted, truth, classes, average="micro"),
        multilabel_precision(predicted, truth, classes, average="micro"),
        multilabel_recall(predicted, truth, classes, average="micro"),
        multilabel_f1_score(predicted, truth, classes, average="macro"),
        multilabel_precision(predicted, truth, classes, average="macro"),
        multilabel_recall(predicted, truth, classes, average="macro"),
        # The probability that a sample has a class against how often it has: of all decisions together.
        binary_calibration_error(probabilities.flatten(), truth.flatten(), n_bins=BINS),
    ]
    areas = label_aurocs(probabilities, truth)
    areas = areas[~areas.isnan()]
    if len(areas):
        names.append("auroc")
        found.append(areas.mean())
    return dict(zip(names, torch.stack([value.double() for value in found]).tolist(), strict=True))


def number(predicted: Tensor, values: Tensor) -> dict[str, float]:
    """Measures of a predicted number for each sample. The loss is the mean squared error.

    Correlations are NaN below two samples, and where all predictions or all values are equal. R² is NaN where all values are. All three are
    where a prediction is not finite.

    Args:
        predicted: Shape (N,).
        values: Shape (N,).
    """
    predicted, values = predicted.double(), values.double()
    if len(values) == 0:
        return dict.fromkeys(["loss", "mean_absolute_error", "r2", "pearson", "spearman"], float("nan"))
    defined = len(values) > 1 and bool(predicted.isfinite().all())
    varies = defined and bool((predicted != predicted[0]).any()) and bool((values != values[0]).any())
    spread = defined and bool((values != values[0]).any())
    nothing = predicted.new_tensor(float("nan"))
    return {
        "loss": functional.mse_loss(predicted, values).item(),
        "mean_absolute_error": mean_absolute_error(predicted, values).item(),
        "r2": (r2_score(predicted, values) if spread else nothing).item(),
        "pearson": (pearson_corrcoef(predicted, values) if varies else nothing).item(),
        "spearman": (spearman_corrcoef(predicted, values) if varies else nothing).item(),
    }


def macro_auroc(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Area under the ROC curve of each class against all others, averaged over the classes that have samples; scalar.

    NaN where all samples are of one class.

    Args:
        probabilities: Shape (N, C).
        labels: Shape (N,).
    """
    present = np.unique(labels.cpu().numpy()).tolist()
    if len(present) < 2:
        return probabilities.new_tensor(float("nan"))
    areas = [binary_auroc(probabilities[:, number], (labels == number).long()) for number in present]
    return torch.stack(areas).mean()


def label_aurocs(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Area under the ROC curve of each class of several, shape (C,); NaN where all samples have it, or none.

    Args:
        probabilities: Shape (N, C).
        labels: 1 where a sample has a class, shape (N, C).
    """
    found = []
    for scores, truth in zip(probabilities.T, labels.long().T, strict=True):
        defined = len(truth) > 0 and 0 < int(truth.sum()) < len(truth)
        found.append(binary_auroc(scores, truth) if defined else scores.new_tensor(float("nan")))
    return torch.stack([area.double() for area in found])
