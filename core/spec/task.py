"""The contract of a task's spec: what every task declares about itself, without torch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from core.spec.architectures import PRESETS
from core.spec.architectures.base import Inputs, Size
from core.spec.base import Spec
from core.spec.metrics import LOSS, RUN, Direction, Metric, evaluations
from core.spec.opening import Opening
from core.spec.predictions import Prediction, embed, neighbours
from core.spec.recipes import Recipe
from core.spec.text_data import TextLabels

Modality = Literal["text", "image", "audio"]
MODALITIES: tuple[Modality, ...] = ("text", "image", "audio")

MODALITY_FIELDS: Mapping[Modality, tuple[str, ...]] = {
    "text": (
        "training.sequence_length",
        "data.text_column",
        "data.documents",
        "data.text",
        "data.packing",
        "data.tokenizer",
    ),
    "image": ("data.image",),
    "audio": ("data.audio",),
}
"""Fields and sections of a job that only the tasks of one modality read, by their dotted paths."""

LABEL_FIELDS: tuple[str, ...] = ("data.on_missing_label",)
"""Fields of a job that only the tasks read that learn from labels."""


class TaskSpec(Spec):
    """The spec of one task: a variant of the union `core.spec.tasks.Task`.

    Each defines a field ``kind`` with one literal value, the union's discriminator.
    """

    if TYPE_CHECKING:
        kind: str

    title: ClassVar[str]
    """The task's name for people: ``Masked language model``."""
    choose_if: ClassVar[str]
    """When to choose it, in one or two sentences that begin with "Choose this if"."""
    modality: ClassVar[Modality]
    """The kind of data that it learns from."""
    presets: ClassVar[tuple[str, ...]]
    """The networks that it trains, by preset name; the first is the default."""
    metrics: ClassVar[tuple[Metric, ...]] = (LOSS,)
    """Its metrics in the order of display, in addition to those of every run (`metrics.RUN`)."""
    recipes: ClassVar[tuple[Recipe, ...]] = ()
    """Starting points for a job, the smallest first."""
    main_fields: ClassVar[tuple[str, ...]] = ()
    """Its own fields that a form shows at once; the others are in a collapsed section."""
    opening: ClassVar[Opening] = Opening()
    """How a checkpoint of it is opened."""
    predictions: ClassVar[tuple[Prediction, ...]] = ()
    """What its checkpoints can be asked for beside features (`all_predictions`); the first is the default."""
    has_encoder: ClassVar[bool] = True
    """Whether it trains an encoder of whole samples, so that its checkpoints can be asked for features."""
    documentation: ClassVar[str | None] = None
    """URL of its documentation page. Default, for the tasks of Seedbed itself: ``docs/tasks/<kind>.md`` of the source."""

    continues: ClassVar[tuple[str, ...]] = ()
    """Models of `transformers` whose whole network it trains: uploaded ones go on with this task. By the name of their class, for
    one with a certain head, or else by ``model_type``."""

    weight_fields: ClassVar[tuple[str, ...]] = ()
    """Its own fields that the shapes or the meaning of its own weights follow from: a job that starts from all of a checkpoint
    and leaves them out has the checkpoint's."""

    text_head: ClassVar[Literal["next_token", "masked_token"] | None] = None
    """What the head of its network predicts of a text: the token after each, or those that a mask replaces. None: its
    checkpoints have no head over the vocabulary that answers by itself."""

    views: ClassVar[int] = 1
    """Images that the encoder learns from for each sample, where a task makes several of one."""

    evaluations: ClassVar[Mapping[str, Direction]]
    """Measures of an evaluation (``eval/…``) that show which model is better, and which direction is better: from
    ``metrics``."""

    needs_colour: ClassVar[bool] = False
    """Whether the task cannot learn from grey images (``data.image.channels: 1``)."""

    adapts: ClassVar[bool] = False
    """Whether only a part of its network may be trained (``adaptation``). Its network must be a pretrained encoder with a
    head, in the checkpoint's root, and `head_parameters` must count all that is not the encoder's."""

    needs_labels: ClassVar[bool] = False
    """Whether it learns from the samples' labels, so that data without labels are refused."""

    phases: ClassVar[int] = 1
    """Passes of a step over its batch, each with a loss of its own (``Objective.phases``)."""

    packs_documents: ClassVar[bool] = False
    """Whether rows of text may be packed by ``data.packing: best_fit``; otherwise the text is read as a stream."""

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if not all(isinstance(metric, Metric) for metric in cls.metrics):
            raise TypeError(f"`metrics` of {cls.__name__} must be a tuple of core.spec.metrics.Metric")
        cls.evaluations = evaluations(cls.metrics)

    @classmethod
    def all_metrics(cls) -> tuple[Metric, ...]:
        """All metrics of a job of this task, including those of every run."""
        return (*cls.metrics, *RUN)

    @classmethod
    def learns_features(cls) -> bool:
        """Whether it learns features of whole samples, which probes can measure."""
        return any(metric.group == "representation" for metric in cls.metrics)

    @classmethod
    def all_predictions(cls) -> tuple[Prediction, ...]:
        """All kinds of prediction of its checkpoints, in the order of display."""
        features = (embed(cls.modality), neighbours(cls.modality)) if cls.has_encoder else ()
        return (*cls.predictions, *features)

    @classmethod
    def fields(cls) -> tuple[str, ...]:
        """Dotted paths of a job's fields and sections that this task reads and some other tasks do not."""
        own = (f"task.{name}" for name in cls.model_fields if name != "kind")
        adaptation = ("adaptation",) if cls.adapts else ()
        labels = LABEL_FIELDS if cls.needs_labels else ()
        return (*own, *MODALITY_FIELDS[cls.modality], *labels, *adaptation)

    @classmethod
    def pipeline(cls) -> str:
        """What its checkpoints are for, as the Hugging Face Hub calls it (``pipeline_tag``); features by default."""
        features = "image-feature-extraction" if cls.modality == "image" else "feature-extraction"
        return cls.opening.pipeline or features

    @classmethod
    def architectures(cls) -> frozenset[str]:
        """The kinds of network that it trains."""
        return frozenset(PRESETS[name].architecture for name in cls.presets)

    def encoder_form(self, *, sequence_length: int, clip_samples: int) -> Mapping[str, object]:  # noqa: ARG002 - overridden
        """What its encoder's weights are made for, beside what `core.spec.start_rules.encoder_form` names for all tasks.

        Args:
            sequence_length: of a job on text.
            clip_samples: of a clip of a job on recordings.

        Returns:
            Values by the dotted path of the field that decides them; a task that has the same ones can take its
            encoder over. They are read by people where they differ.
        """
        return {}

    @property
    def text_labels(self) -> TextLabels | None:
        """How it reads the labels of text; None if it reads none, as every task does that is not fine-tuning on text."""
        return None

    @property
    def gives_logits(self) -> bool:
        """Whether its loss compares a softmax with targets, so that another network's outputs can be compared too
        (``Objective.logits``): by distillation, and by learning without forgetting."""
        return False

    @property
    def learns_classes(self) -> bool:
        """Whether it learns one class of each sample."""
        return False

    @property
    def has_fixed_inputs(self) -> bool:
        """Whether the networks see a sample in each step as in the one before, with as many terms of the loss each: nothing of it is
        masked, cropped or mixed by chance."""
        return False

    @property
    def reads_transcripts(self) -> bool:
        """Whether it learns from the transcripts of recordings."""
        return False

    @property
    def clip_seconds(self) -> float | None:
        """Length of the longest sample of a task that reads whole recordings, seconds; None where samples are clips of
        ``data.audio.clip_seconds``."""
        return None

    def network_form(
        self,
        network: Size,  # noqa: ARG002 - for tasks that train networks of several kinds
        *,
        sequence_length: int,
        clip_samples: int,
    ) -> Mapping[str, object]:
        """`encoder_form` of a job with that network; by default the same for each."""
        return self.encoder_form(sequence_length=sequence_length, clip_samples=clip_samples)

    def hands_over(self, network: Size, *, sequence_length: int) -> Mapping[str, object]:
        """Settings that another task needs for a network with the encoder's weights: values by the field's name.

        By default the task's own fields that `network_form` names.
        """
        form = self.network_form(network, sequence_length=sequence_length, clip_samples=1)
        names = (path.removeprefix("task.") for path in form if path.startswith("task."))
        return {
            name: getattr(self, name) for name in names if name in type(self).model_fields and name != "kind"
        }

    def check(self, encoder: Size, patches: int) -> None:
        """Check a job's network, and for a ViT the number of patches of an image.

        Raises:
            ValueError: if the task cannot train it.
        """

    def check_settings(self, network: Size, config: Mapping[str, Any]) -> None:
        """Check the further settings (``model.config``) of a network as somebody else made it.

        Raises:
            ValueError: if the task cannot train it.
        """

    def check_clip(self, samples: int) -> None:
        """Check the length of a clip of a job; called for every modality.

        Raises:
            ValueError: if the clip is too short for the task.
        """

    def parameters(self, network: Size, inputs: Inputs) -> int:
        """Number of trained parameters of all its networks, exact; averaged and frozen copies do not count.

        By default those of the job's network plus `head_parameters`.
        """
        return network.parameters(inputs) + self.head_parameters(network, inputs)

    def head_parameters(self, network: Size, inputs: Inputs) -> int:  # noqa: ARG002 - for tasks that add something
        """Number of trained parameters that the task adds to the job's network; by default none."""
        return 0

    def activation_bytes(self, network: Size, inputs: Inputs) -> int:
        """Bytes that autograd keeps of one micro-batch, an estimate that is rather too low.

        By default what the job's network keeps, for each of `views`.
        """
        return self.views * network.activation_bytes(inputs)

    def rows_of(self, tokens: int, sequence_length: int) -> int:
        """Number of rows for so many tokens of text, the separators after documents included.

        By default each row is one special token followed by text.
        """
        return tokens // (sequence_length - 1)

    def tokens_for(self, rows: int, sequence_length: int) -> int:
        """Number of tokens for so many rows: the inverse of `rows_of`."""
        return rows * (sequence_length - 1)

    def fixed_by_weights(self, sequence_length: int) -> tuple[object, ...]:  # noqa: ARG002 - likewise
        """What the shapes of the task's own weights depend on, besides the network's sizes. Equal for two specs if a
        checkpoint of one can be resumed with the other. By default nothing.

        Args:
            sequence_length: tokens a row of text.
        """
        return ()
