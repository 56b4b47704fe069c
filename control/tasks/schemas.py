"""Tasks over HTTP."""

from typing import Literal

from control.schemas import JsonObject, Resource


class MetricOut(Resource):
    """Something that a job of the task measures."""

    name: str
    """Without its area: `perplexity`."""
    series: list[str]
    """Names under which it is logged: `train/perplexity`, `eval/perplexity`."""
    title: str
    group: Literal["loss", "task", "representation", "run"]
    better: Literal["lower", "higher"] | None
    """Which way a better model lies; none where it does not tell a better model from a worse one."""
    unit: str | None
    """`share` (0 to 1), `MB`, `nats` …; none for a number without unit."""
    hint: str | None
    """How to read it, in a sentence."""
    logarithmic: bool
    """Whether a logarithmic axis makes sense."""
    always: bool
    """Whether every job of the task measures it; otherwise only some do, by their settings or their data."""
    noisy: bool
    """Whether values jump from point to point, so that a smoothed curve helps."""
    tile: str | None
    """Its short title among the figures that sum a job up; none where it is not one of them."""
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
    """Python; `{folder}` stands for the folder's path."""


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
    """What it learns from."""
    networks: list[NetworkOut]
    metrics: list[MetricOut]
    """What its jobs measure, in the order in which people should see it."""
    recipes: list[RecipeOut]
    """The smallest first."""
    fields: list[str]
    """Dotted paths of a spec's fields and sections that it reads and not every other task does."""
    main_fields: list[str]
    """Those of them that a form shows at once."""
    opening: OpeningOut
    documentation: str | None
    """Address of its page; of Seedbed's own tasks the page's path in the source."""
    package: str | None
    """The installed package that brings it; none for Seedbed's own."""
