"""What a model card tells of a checkpoint."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.spec.job import JobSpec


@dataclass(frozen=True)
class Data:
    """A dataset."""

    id: str
    name: str
    modality: str
    sha256: str | None
    """SHA-256 of the sorted (name, sha256) of its files."""
    deleted: bool
    version: int = 1
    parent: str | None = None
    """The dataset that it is a version of."""
    only_new: bool = False
    """Whether only the files that the version added were read."""


@dataclass(frozen=True)
class Ancestor:
    """A checkpoint that the one before it in the lineage started from."""

    checkpoint: str
    scope: str
    """How much of it was taken: ``all`` of it, its ``encoder``, or its ``tokenizer`` alone and none of its weights."""
    name: str | None = None
    """Of its job, or of the upload. None, as all below: its job was deleted."""
    job: str | None = None
    """None for an uploaded one."""
    task: str | None = None
    """Title of its task."""
    step: int | None = None


@dataclass(frozen=True)
class Score:
    """One measure, with its confidence interval where it has one."""

    name: str
    title: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation of the checkpoint."""

    id: str
    data: Data | None
    split: str
    level: float
    """Of the confidence intervals: 0.95."""
    scores: Sequence[Score]


@dataclass(frozen=True)
class Facts:
    """All that a card is written from. Two equal ones give the same bytes."""

    id: str
    step: int
    manifest_sha256: str
    files: Sequence[str]
    uploaded: bool
    name: str
    """Of the job, or of the upload."""
    job: str | None
    """Id of the job that wrote it; None for an uploaded one."""
    spec: JobSpec
    document: Mapping[str, Any]
    """The same as it is stored."""
    known: bool
    """Whether its task is installed here; otherwise only the spec's own fields may be read."""
    data: Data | None
    data_key: str
    """Key of the prepared data; empty for an uploaded one."""
    engine: Mapping[str, Any]
    """What the engine reported at the start of the attempt: torch, device, precision."""
    ancestors: Sequence[Ancestor]
    """The nearest first."""
    scores: Sequence[Score]
    """Of the last evaluation on the held-out split before it."""
    curves: Mapping[str, Mapping[int, float]]
    """Title of a loss → its values by step."""
    evaluations: Sequence[Evaluation]
    """The newest first."""
