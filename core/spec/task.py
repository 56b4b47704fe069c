"""The contract of a task's spec: what every task tells of itself without torch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from core.spec.base import Spec
from core.spec.metrics import LOSS, RUN, Direction, Metric, evaluations
from core.spec.model import Size
from core.spec.opening import Opening
from core.spec.recipes import Recipe

Modality = Literal["text", "image", "audio"]
MODALITIES: tuple[Modality, ...] = ("text", "image", "audio")

MODALITY_FIELDS: Mapping[Modality, tuple[str, ...]] = {
    "text": (
        "training.sequence_length",
        "data.text_column",
        "data.documents",
        "data.packing",
        "data.tokenizer",
    ),
    "image": ("data.image",),
    "audio": ("data.audio",),
}
"""Fields and sections of a job that the tasks of one modality read alone, by their dotted paths."""


class TaskSpec(Spec):
    """The spec of one task: a variant of the union `core.spec.tasks.Task`.

    Each defines a field ``kind`` of one literal value, by which the union tells them apart.
    """

    if TYPE_CHECKING:
        kind: str

    title: ClassVar[str]
    """Its name for people: ``Masked language model``."""
    choose_if: ClassVar[str]
    """When it is the right one, in one or two sentences that begin with "Choose this if"."""
    modality: ClassVar[Modality]
    """What it learns from."""
    presets: ClassVar[tuple[str, ...]]
    """The networks that it trains, by preset name; the first is the default."""
    metrics: ClassVar[tuple[Metric, ...]] = (LOSS,)
    """What it measures, in the order in which people should see it, beside what every run does (`metrics.RUN`)."""
    recipes: ClassVar[tuple[Recipe, ...]] = ()
    """Starting points for a job, the smallest first."""
    main_fields: ClassVar[tuple[str, ...]] = ()
    """Its own fields that a form shows at once; the others are folded away."""
    opening: ClassVar[Opening] = Opening()
    """How a checkpoint of it is opened."""
    documentation: ClassVar[str | None] = None
    """Address of its page. Default, for the tasks of Seedbed itself: ``docs/tasks/<kind>.md`` of the source."""

    views: ClassVar[int] = 1
    """Images that the encoder learns from for each sample, where a task makes several of one."""

    evaluations: ClassVar[Mapping[str, Direction]]
    """What an evaluation measures (``eval/…``) that tells a better model from a worse one, and which way is better: read
    off ``metrics``."""

    needs_colour: ClassVar[bool] = False
    """Whether grey images (``data.image.channels: 1``) have nothing to learn from."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not all(isinstance(metric, Metric) for metric in cls.metrics):
            raise TypeError(f"`metrics` of {cls.__name__} must be a tuple of core.spec.metrics.Metric")
        cls.evaluations = evaluations(cls.metrics)

    @classmethod
    def all_metrics(cls) -> tuple[Metric, ...]:
        """What a job of this task measures, that of every run included."""
        return (*cls.metrics, *RUN)

    @classmethod
    def learns_features(cls) -> bool:
        """Whether it learns features of whole samples, which probes can be asked about."""
        return any(metric.group == "representation" for metric in cls.metrics)

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Dotted paths of a job's fields and sections that this task reads and not every other one does."""
        own = (f"task.{name}" for name in cls.model_fields if name != "kind")
        return (*own, *MODALITY_FIELDS[cls.modality])

    def check(self, encoder: Size, patches: int) -> None:
        """Called with the network of a job, and the patches of an image where it is a ViT.

        Raises:
            ValueError: where the task cannot train it.
        """

    def check_clip(self, samples: int) -> None:
        """Called with the length of a clip of a job, whatever it learns from.

        Raises:
            ValueError: where the task can make nothing of so short a clip.
        """
