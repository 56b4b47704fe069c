"""Evaluations: a checkpoint measured on a dataset, with confidence intervals, maybe beside another checkpoint."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from control.schemas import JsonObject, Resource
from control.short_jobs.kind import FromCheckpointAndData, Kind, OnDataset, ShortJobOut
from core.spec.estimate import estimate

SplitChoice = Literal["held_out", "train", "all"]


class EvaluationIn(OnDataset):
    """What to evaluate, and on which samples."""

    split: SplitChoice = "held_out"
    """Which part of the dataset: ``held_out``, ``train`` or ``all``. The held-out split of the checkpoint's own dataset is the
    one that its job held out."""
    probes: bool = True
    """Linear probe and k nearest neighbours on the features, where the dataset has labels."""
    resamples: Annotated[int, Field(ge=100, le=10_000)] = 1000
    """Of the bootstrap from which confidence intervals come."""
    level: Annotated[float, Field(ge=0.5, le=0.999)] = 0.95
    """Of the confidence intervals."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of the resamples; the same seed gives the same intervals."""


class Estimated(Resource):
    """A number and its confidence interval; null where it is not finite, or has no interval."""

    value: float | None
    low: float | None
    high: float | None


class McNemar(Resource):
    """McNemar's exact test: whether the two checkpoints are right on equally many samples."""

    only_first: int
    """Samples that only the evaluated checkpoint gets right."""
    only_second: int
    """Samples that only the checkpoint that it is compared with gets right."""
    p_value: float
    """Two-sided."""


class Measure(Estimated):
    """One measure of a section."""

    name: str
    title: str
    unit: str | None
    """``share`` (0 to 1), ``nats``, ``bits/byte`` …; none for a number without unit."""
    better: Literal["lower", "higher"] | None
    hint: str | None
    against: Estimated | None
    """The same of the checkpoint that it is compared with."""
    difference: Estimated | None
    """The evaluated checkpoint's minus the other's; its interval is of the paired bootstrap."""
    mcnemar: McNemar | None
    """For accuracies over independent samples."""


class Section(Resource):
    """Measures over the same units of the dataset."""

    name: Literal["language", "task", "probes", "classification"]
    counted: str
    """How it is counted, for people."""
    unit: str
    """What the bootstrap draws: ``documents``, ``images``, ``recordings`` …"""
    units: int
    paired: bool | None
    """Of a comparison: whether both checkpoints were measured on the same units, so that differences have intervals."""
    measures: list[Measure]
    documents: list[JsonObject]
    """Tables and pictures, each with its ``kind``, as the reports of a job."""


class Resampling(Resource):
    """How the intervals were computed."""

    resamples: int
    level: float
    seed: int


class EvaluationResult(Resource):
    task: str
    """The checkpoint's."""
    against_task: str | None
    split: SplitChoice
    device_name: str
    resampling: Resampling
    sections: list[Section]


class EvaluationOut(ShortJobOut):
    object: Literal["evaluation"] = "evaluation"
    checkpoint: str
    job: str | None
    """That wrote the checkpoint; null for one that was uploaded."""
    step: int
    dataset: str
    against: str | None
    against_job: str | None
    against_step: int | None
    split: SplitChoice
    probes: bool
    result: EvaluationResult | None


def _arguments(options: Mapping[str, Any], _: int) -> list[str]:
    return [
        *("--split", options["split"]),
        *([] if options["probes"] else ["--no-probes"]),
        *("--resamples", str(options["resamples"])),
        *("--level", str(options["level"])),
        *("--seed", str(options["seed"])),
    ]


KIND = Kind(
    name="evaluation",
    prefix="eval",
    starts_from=FromCheckpointAndData(
        memory_bytes=lambda spec: estimate(spec).memory_bytes,
        device=lambda spec: spec.resources.device,
    ),
    options=EvaluationIn,
    out=EvaluationOut,
    result=EvaluationResult.model_validate,
    command="evaluate",
    event="evaluated",
    arguments=_arguments,
    steps=100,  # its progress is in percent
)
