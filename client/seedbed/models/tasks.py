"""Models of tasks."""

from typing import Any

from pydantic import Field

from seedbed.models.base import Resource


class Metric(Resource):
    name: str
    series: list[str]
    """Names under which it is logged: ``eval/perplexity``."""
    title: str
    group: str
    """``loss``, ``task``, ``representation`` or ``run``."""
    better: str | None = None
    """``lower`` or ``higher``; None if it does not tell a better model from a worse one."""
    unit: str | None = None
    hint: str | None = None
    """How to read it."""
    logarithmic: bool = False
    always: bool = True
    """Whether every job of the task measures it."""
    noisy: bool = True
    tile: str | None = None
    level: str | None = None
    """Name of another metric that is a constant to compare with."""


class Network(Resource):
    preset: str
    architecture: str


class Recipe(Resource):
    """A starting point for a job."""

    name: str
    title: str
    description: str
    spec: dict[str, Any]
    """A job's spec without ``name`` and ``dataset``."""


class Opening(Resource):
    loader: str
    code: str
    """Python code; ``{folder}`` stands for the folder's path."""


class PredictionKind(Resource):
    """Something that a checkpoint of the task can be asked for."""

    kind: str
    title: str
    hint: str
    input: str
    """``text``, ``image``, ``audio`` or ``none``."""
    options_schema: dict[str, Any]
    """JSON schema of its options."""
    streams: bool = False
    example: str = ""


class ExportFormat(Resource):
    """A format in which checkpoints of the task are exported."""

    format: str
    title: str
    summary: str
    file: str
    library: str
    architectures: list[str]


class Task(Resource):
    """Something that a model can learn."""

    kind: str
    title: str
    choose_if: str
    description: str
    modality: str
    """``text``, ``image`` or ``audio``."""
    needs_labels: bool = False
    """Whether it learns from the samples' labels."""
    networks: list[Network]
    metrics: list[Metric]
    recipes: list[Recipe]
    """Recipes, the smallest first."""
    fields: list[str]
    """Dotted paths of the fields and sections of a spec that it reads and that not all tasks read."""
    main_fields: list[str] = Field(default_factory=list)
    predictions: list[PredictionKind] = Field(default_factory=list)
    """What its checkpoints can be asked for; the first is the default."""
    exports: list[ExportFormat] = Field(default_factory=list)
    """The formats of its checkpoints, for `Checkpoints.export`."""
    opening: Opening
    documentation: str | None = None
    package: str | None = None
    """The installed package that provides it; None for a task of Seedbed."""
