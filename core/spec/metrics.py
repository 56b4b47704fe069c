"""What a run measures: how each series is called, read and judged.

Each task lists its own metrics in its ``spec.py``. Those that every run has, and those of every encoder, stand here.
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
    """One thing that is measured, in one or several series."""

    name: str
    """Without its area: ``perplexity``. A name means the same in every task."""
    title: str
    """For people: ``Perplexity``."""
    areas: tuple[Area, ...] = ("eval",)
    """Where it is measured: ``train`` on the batches that are learned from, ``eval`` on the held-out part. Its series
    are called ``<area>/<name>``."""
    better: Direction | None = None
    """Which way a better model lies; None where the metric does not tell a better model from a worse one."""
    unit: str | None = None
    """``share`` (0 to 1, shown in percent), ``MB``, ``nats`` …; None for a number without unit."""
    group: Group = "task"
    hint: str | None = None
    """How to read it, in a sentence."""
    logarithmic: bool = False
    """Whether a logarithmic axis makes sense."""
    always: bool = True
    """Whether every job of the task measures it; otherwise only some do, by their settings or their data."""
    noisy: bool = True
    """Whether values jump from point to point, so that a smoothed curve helps."""
    tile: str | None = None
    """Its short title among the figures at the head of a job's page; None: it is not one of them. A page has room for
    four figures of the task: the losses, then the first metrics with a tile."""
    level: str | None = None
    """Name of another metric of the task that is a constant to compare with, drawn into the same chart."""

    @property
    def series(self) -> tuple[str, ...]:
        """Names of its series, as ``eval/perplexity``."""
        return tuple(f"{area}/{self.name}" for area in self.areas)


LOSS = Metric("loss", "Loss", ("train", "eval"), better="lower", group="loss", logarithmic=True)
"""What is minimised, where the held-out part has it as well."""
LOSS_IN_NATS = replace(LOSS, unit="nats")
"""Of a task that predicts tokens: nats a token."""

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
"""Of a task that predicts tokens, beside its loss."""

REPRESENTATION: tuple[Metric, ...] = (
    Metric(
        "knn_accuracy",
        "k-NN probe",
        ("probe",),
        better="higher",
        unit="share",
        group="representation",
        hint="Held-out samples whose nearest training samples have their class.",
        always=False,
    ),
    Metric(
        "linear_accuracy",
        "Linear probe",
        ("probe",),
        better="higher",
        unit="share",
        group="representation",
        hint="Held-out samples that a linear classifier on the features gets right.",
        always=False,
        tile="Linear probe",
    ),
    Metric(
        "rankme",
        "Effective rank (RankMe)",
        ("health",),
        better="higher",
        group="representation",
        hint="Dimensions that the features really use: from 1, a collapse, to their width. Higher is better.",
        tile="Effective rank",
    ),
    Metric(
        "std",
        "Spread of features",
        ("health",),
        better="higher",
        group="representation",
        hint="0: all samples are one point, a collapse; 1: they point everywhere.",
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
"""Of a task that learns features of whole samples."""

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
    Metric("tokens_per_s", "Tokens per second", ("train",), unit="tokens/s", group="run"),
    Metric("samples_per_s", "Samples per second", ("train",), unit="samples/s", group="run"),
    Metric("data_wait_fraction", "Share of time waiting for data", ("train",), unit="share", group="run"),
    Metric("memory_mb", "Memory", ("system",), unit="MB", group="run", noisy=False),
)
"""Of every run, whatever it learns."""


def evaluations(metrics: Iterable[Metric]) -> dict[str, Direction]:
    """Those measured on the held-out part that tell a better model from a worse one, by name, and which way is better."""
    return {metric.name: metric.better for metric in metrics if metric.better and "eval" in metric.areas}


def directions(metrics: Iterable[Metric]) -> dict[str, Direction]:
    """Every series that tells a better model from a worse one, and which way is better."""
    return {name: metric.better for metric in metrics if metric.better for name in metric.series}


def higher_is_better(metric: str) -> bool:
    """Whether a larger value of a series (``eval/perplexity``) is a better model's.

    Of a name that no task describes, as in a job of a package that is not installed any more, an accuracy is taken
    to rise and everything else to fall.
    """
    area, _, name = metric.partition("/")
    name = name.removeprefix("ema_") if area == "eval" else name
    better = _known().get(f"{area}/{name}")
    return better == "higher" if better else "accuracy" in name


def _known() -> Mapping[str, Direction]:
    # By name, since the tasks' specs are built on this module.
    specs = importlib.import_module("core.spec.tasks").task_specs()
    known: dict[str, Direction] = {}
    for spec in specs:
        known |= directions(spec.metrics)
    return known | directions(REPRESENTATION)
