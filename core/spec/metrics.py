"""Definitions of a run's metrics: name, unit, meaning, and which direction is better.

Each task lists its own metrics in its ``spec.py``. This module defines those of every run and of every encoder.
"""

import importlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Direction = Literal["lower", "higher"]
Area = Literal["train", "eval", "health", "probe", "system"]
Group = Literal["loss", "task", "representation", "run"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric, in one or several series."""

    name: str
    """Name without the area: ``perplexity``. A name has the same meaning in every task."""
    title: str
    """Title for people: ``Perplexity``."""
    areas: tuple[Area, ...] = ("eval",)
    """Where it is measured: ``train`` on the training batches, ``eval`` on the held-out split. Its series
    are called ``<area>/<name>``."""
    better: Direction | None = None
    """The direction of better models; None if the metric does not show which model is better."""
    unit: str | None = None
    """``share`` (0 to 1, shown in percent), ``MB``, ``nats`` …; None for a number without unit."""
    group: Group = "task"
    hint: str | None = None
    """How to read it, in a sentence."""
    logarithmic: bool = False
    """Whether a logarithmic axis is useful."""
    always: bool = True
    """Whether every job of the task measures it; otherwise only some do, depending on settings or data."""
    noisy: bool = True
    """Whether values jump from point to point, so that a smoothed curve helps."""
    tile: str | None = None
    """Its short title as a figure at the top of a job's page; None: it is not shown there. A page shows four figures
    of the
    task: the losses, then the first metrics with a tile."""
    level: str | None = None
    """Name of another metric of the task, a constant for comparison that is drawn in the same chart."""

    @property
    def series(self) -> tuple[str, ...]:
        """Names of its series, as ``eval/perplexity``."""
        return tuple(f"{area}/{self.name}" for area in self.areas)


LOSS = Metric("loss", "Loss", ("train", "eval"), better="lower", group="loss", logarithmic=True)
"""The loss, for tasks that also have it on the held-out split."""
LOSS_IN_NATS = replace(LOSS, unit="nats")
"""The loss of a task that predicts tokens, in nats per token."""

LANGUAGE: tuple[Metric, ...] = (
    Metric(
        "perplexity",
        "Perplexity",
        better="lower",
        hint="Lower is better; 1 would be certainty.",
        logarithmic=True,
        tile="Perplexity",
    ),
    Metric(
        "bits_per_byte",
        "Bits per byte",
        better="lower",
        unit="bits/byte",
        hint="Lower is better; compares runs whose vocabularies differ.",
        tile="Bits per byte",
    ),
)
"""Metrics of a task that predicts tokens, besides its loss."""

ACCURACY = Metric(
    "accuracy",
    "Accuracy",
    ("train", "eval"),
    better="higher",
    unit="share",
    hint="Samples whose most probable class is the right one.",
    tile="Accuracy",
)
MICRO_F1 = Metric(
    "micro_f1",
    "F1, micro",
    better="higher",
    unit="share",
    hint=(
        "Harmonic mean of precision and recall over all decisions about a class of a sample: frequent ones count more. With one "
        "class a sample it is the accuracy."
    ),
    tile="Micro F1",
)
CLASSIFICATION: tuple[Metric, ...] = (
    ACCURACY,
    Metric(
        "macro_f1",
        "F1, macro",
        better="higher",
        unit="share",
        hint="Harmonic mean of precision and recall of each class, averaged over the classes: rare ones count as much.",
        tile="Macro F1",
    ),
    MICRO_F1,
    Metric(
        "macro_precision",
        "Precision, macro",
        better="higher",
        unit="share",
        hint="Of the samples assigned to a class, the share that belongs to it, averaged over the classes.",
    ),
    Metric(
        "macro_recall",
        "Recall, macro",
        better="higher",
        unit="share",
        hint="Of the samples of a class, the share that was found, averaged over the classes: balanced accuracy.",
    ),
    Metric(
        "calibration_error",
        "Calibration error",
        better="lower",
        unit="share",
        hint="Mean distance of confidence and accuracy (ECE, 15 bins): 0 if 80 % of what it is 80 % sure of is right.",
    ),
    Metric(
        "auroc",
        "AUROC, macro",
        better="higher",
        unit="share",
        hint="Area under the ROC curve of each class against the others, averaged over the classes: 0.5 is chance.",
        always=False,
    ),
    Metric(
        "top5_accuracy",
        "Top-5 accuracy",
        better="higher",
        unit="share",
        hint="Samples whose class is among the five most probable ones. Measured where there are more than five.",
        always=False,
    ),
)
"""Metrics of a task that predicts one class of each sample."""

MULTI_LABEL: tuple[Metric, ...] = (
    Metric(
        "micro_precision",
        "Precision, micro",
        better="higher",
        unit="share",
        hint="Of all classes that were assigned to samples, the share that is right.",
        always=False,
    ),
    Metric(
        "micro_recall",
        "Recall, micro",
        better="higher",
        unit="share",
        hint="Of all classes of all samples, the share that was found.",
        always=False,
    ),
    Metric(
        "exact_match",
        "Exact match",
        better="higher",
        unit="share",
        hint="Samples of which all classes are right.",
        always=False,
    ),
)
"""Metrics, beside those of `CLASSIFICATION`, of a task that predicts several classes of each sample."""

REGRESSION: tuple[Metric, ...] = (
    Metric(
        "mean_absolute_error",
        "Mean absolute error",
        better="lower",
        hint="Mean distance of the prediction from the number, in its unit.",
        always=False,
        tile="Absolute error",
    ),
    Metric(
        "r2",
        "R²",
        better="higher",
        hint="Share of the numbers' variance that the predictions explain: 1 is perfect, 0 is their mean for every sample.",
        always=False,
        tile="R²",
    ),
    Metric(
        "pearson",
        "Pearson correlation",
        better="higher",
        hint="1: predictions lie on a line over the numbers.",
        always=False,
    ),
    Metric(
        "spearman",
        "Spearman correlation",
        better="higher",
        hint="1: predictions have the order of the numbers.",
        always=False,
        tile="Spearman",
    ),
)
"""Metrics of a task that predicts a number of each sample."""

REPRESENTATION: tuple[Metric, ...] = (
    Metric(
        "knn_accuracy",
        "k-NN probe",
        ("probe",),
        better="higher",
        unit="share",
        group="representation",
        hint="Held-out samples whose nearest training samples have the same class.",
        always=False,
    ),
    Metric(
        "linear_accuracy",
        "Linear probe",
        ("probe",),
        better="higher",
        unit="share",
        group="representation",
        hint="Held-out samples that a linear classifier on the features classifies correctly.",
        always=False,
        tile="Linear probe",
    ),
    Metric(
        "rankme",
        "Effective rank (RankMe)",
        ("health",),
        better="higher",
        group="representation",
        hint="Effective dimensions of the features: from 1, a collapse, to their width. Higher is better.",
        tile="Effective rank",
    ),
    Metric(
        "std",
        "Spread of features",
        ("health",),
        better="higher",
        group="representation",
        hint="0: all samples have the same features, a collapse; 1: features are spread over all directions.",
    ),
    Metric(
        "uniformity",
        "Uniformity",
        ("health",),
        better="lower",
        group="representation",
        hint="Lower is more spread out; 0 is one point.",
    ),
    Metric(
        "alignment",
        "Alignment of two views",
        ("health",),
        better="lower",
        group="representation",
        hint=(
            "Squared distance between two views of a sample; lower ignores more of what augmentation changes."
        ),
        always=False,
    ),
)
"""Metrics of a task that learns features of whole samples."""

RUN: tuple[Metric, ...] = (
    Metric(
        "learning_rate",
        "Learning rate",
        ("train",),
        group="run",
        logarithmic=True,
        noisy=False,
        tile="Learning rate",
    ),
    Metric(
        "gradient_norm", "Gradient norm", ("train",), group="run", hint="Before clipping.", logarithmic=True
    ),
    Metric(
        "ewc_penalty",
        "EWC penalty",
        ("train",),
        better="lower",
        group="run",
        hint="Part of the loss: what the weights' distance from those of the earlier stages costs. 0 at the start of a stage.",
        always=False,
    ),
    Metric(
        "lwf_loss",
        "Difference from the old network",
        ("train",),
        better="lower",
        group="run",
        hint="Divergence from what the network before the stage answers to the same samples, before its weight. 0: the same answers.",
        always=False,
    ),
    Metric("tokens_per_s", "Tokens per second", ("train",), unit="tokens/s", group="run"),
    Metric("samples_per_s", "Samples per second", ("train",), unit="samples/s", group="run"),
    Metric("data_wait_fraction", "Share of time waiting for data", ("train",), unit="share", group="run"),
    Metric("memory_mb", "Memory", ("system",), unit="MB", group="run", noisy=False),
    Metric("own_loss", "The task's own loss", ("train",), always=False, logarithmic=True),
    Metric(
        "logits_loss",
        "Outputs beside the teacher's",
        ("train",),
        unit="nats",
        always=False,
        logarithmic=True,
        hint="Kullback-Leibler divergence at the temperature, times its square.",
    ),
    Metric("hidden_loss", "Hidden states beside the teacher's", ("train",), always=False, logarithmic=True),
    Metric(
        "relations_loss",
        "Attention beside the teacher's",
        ("train",),
        unit="nats",
        always=False,
        logarithmic=True,
    ),
    Metric("features_loss", "Features beside the teacher's", ("train",), always=False, logarithmic=True),
)
"""Metrics of every run, for any task."""


def evaluations(metrics: Iterable[Metric]) -> dict[str, Direction]:
    """Metrics on the held-out split that show which model is better: name → the better direction."""
    return {metric.name: metric.better for metric in metrics if metric.better and "eval" in metric.areas}


def directions(metrics: Iterable[Metric]) -> dict[str, Direction]:
    """Every series that shows which model is better → the better direction."""
    return {name: metric.better for metric in metrics if metric.better for name in metric.series}


def higher_is_better(metric: str) -> bool:
    """Whether a larger value of a series (such as ``eval/perplexity``) is better.

    For a name that no installed task defines, as in a job of a package that was uninstalled, larger is better for
    accuracies only.
    """
    area, _, name = metric.partition("/")
    name = name.removeprefix("ema_") if area == "eval" else name
    better = _known().get(f"{area}/{name}")
    return better == "higher" if better else "accuracy" in name


def _known() -> Mapping[str, Direction]:
    # Imported by name, because the tasks' specs import this module.
    specs = importlib.import_module("core.spec.tasks").task_specs()
    known: dict[str, Direction] = {}
    for spec in specs:
        known |= directions(spec.metrics)
    return known | directions(REPRESENTATION)
