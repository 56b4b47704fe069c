"""HTTP schemas of tasks."""

from typing import Literal

from control.schemas import JsonObject, Resource


class MetricOut(Resource):
    """Something that a job of the task measures."""

    name: str
    """Name without its area, such as `perplexity`."""
    series: list[str]
    """Names under which it is logged: `train/perplexity`, `eval/perplexity`."""
    title: str
    group: Literal["loss", "task", "representation", "run"]
    better: Literal["lower", "higher"] | None
    """Direction of a better model; null if it does not tell a better model from a worse one."""
    unit: str | None
    """`share` (0 to 1), `MB`, `nats` …; null for a number without unit."""
    hint: str | None
    """How to read it, in a sentence."""
    logarithmic: bool
    """Whether a logarithmic axis makes sense."""
    always: bool
    """Whether every job of the task measures it; otherwise only some do, by their settings or their data."""
    noisy: bool
    """Whether values jump from point to point, so that a smoothed curve helps."""
    tile: str | None
    """Short title in the summary of a job; null if it is not part of that."""
    level: str | None
    """Name of another metric that is a constant to compare with."""


class NetworkOut(Resource):
    """A network that the task trains."""

    preset: str
    """As `model.preset` takes it; the task's first is the default."""
    architecture: str


class RecipeOut(Resource):
    """A starting point for a job: what differs from the defaults."""

    name: str
    title: str
    description: str
    """What is trained for how long, and on what kind of machine."""
    spec: JsonObject
    """A job's spec without `name` and `dataset`."""


class OpeningOut(Resource):
    """How a checkpoint's folder is opened."""

    loader: str
    """The class whose `from_pretrained` takes it."""
    code: str
    """Python code; `{folder}` stands for the folder's path."""


class PredictionKindOut(Resource):
    """Something that a checkpoint of the task can be asked for."""

    kind: str
    """As `POST /v1/checkpoints/{checkpoint}/predict` takes it."""
    title: str
    hint: str
    """What to give and what comes back, in a sentence."""
    input: Literal["text", "image", "audio", "none"]
    """What it takes: `text`, or a file in `content`."""
    options_schema: JsonObject
    """JSON schema of its `options`."""
    streams: bool
    """Whether parts of the result come while it is computed."""
    example: str
    """A text to begin with."""


class ExportFormatOut(Resource):
    """A format in which checkpoints of the task are exported."""

    format: str
    """As `POST /v1/checkpoints/{checkpoint}/export` takes it."""
    title: str
    summary: str
    """What it is, in a sentence."""
    file: str
    """The network's file; an encoder with a decoder has two, with `encoder_` and `decoder_` before this name."""
    library: str
    """The library that opens it."""
    architectures: list[str]
    """The task's networks that it is for."""


class TaskOut(Resource):
    """Something that a model can learn."""

    object: Literal["task"] = "task"
    kind: str
    """As `task.kind` of a job's spec takes it."""
    title: str
    choose_if: str
    """When it is the right one."""
    description: str
    """What it does and where it comes from, in a sentence or two."""
    modality: Literal["text", "image", "audio"]
    """Modality of its data."""
    needs_labels: bool
    """Whether it learns from the samples' labels; data without labels are then refused."""
    networks: list[NetworkOut]
    metrics: list[MetricOut]
    """Metrics of its jobs, in display order."""
    recipes: list[RecipeOut]
    """Recipes, the smallest first."""
    fields: list[str]
    """Dotted paths of the fields and sections of a spec that it reads and that not all tasks read."""
    main_fields: list[str]
    """Those of `fields` that a form shows without expanding a section."""
    predictions: list[PredictionKindOut]
    """What its checkpoints can be asked for; the first is the default."""
    exports: list[ExportFormatOut]
    """The formats of its checkpoints."""
    opening: OpeningOut
    documentation: str | None
    """URL of its page; for a task of Seedbed, the path of the page in the source."""
    package: str | None
    """The installed package that provides it; null for a task of Seedbed."""
