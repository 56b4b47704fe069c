"""`JobSpec`: the whole spec of a job."""

import difflib
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SerializeAsAny, ValidationError, model_validator

from core.spec.adaptation import Adaptation, Full
from core.spec.adaptation_rules import require_fit
from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.gan import GanSize
from core.spec.architectures.image import is_small_image
from core.spec.architectures.resnet import ResNetSize
from core.spec.architectures.transformer import Transformer
from core.spec.architectures.vit import patch_size_for
from core.spec.base import Spec
from core.spec.continual import Continual
from core.spec.continual_rules import require_methods_fit
from core.spec.data import DataSpec
from core.spec.distillation import Distillation, require_possible
from core.spec.faults import SpecFault, fault_at
from core.spec.metrics import REPRESENTATION, Direction, directions
from core.spec.model import ModelSpec
from core.spec.resources import ResourcesSpec
from core.spec.start import StartSpec
from core.spec.tasks import Task, task_specs
from core.spec.text import Name
from core.spec.training import TrainingSpec

MOST_CLASSES = 1_000
"""Number of classes for an estimate without data: as many as the inspection of a file counts."""

_FULL = {"method": "full"}


class JobSpec(Spec):
    """One job, as YAML or JSON.

    ``dataset`` names a dataset of the service (``ds_…``); a run without a service takes its files
    from the command line instead.
    """

    version: Literal[1] = 1
    """Version of this schema."""
    name: Name
    """A name for people; need not be unique."""
    dataset: Annotated[str, Field(pattern=r"^ds_[0-9a-z]{26}$")] | None = None
    """Id of the dataset to learn from."""
    start: StartSpec | None = None
    """Where its weights come from. Default: they are fresh."""
    task: SerializeAsAny[Task]
    model: ModelSpec = ModelSpec()
    adaptation: Adaptation = Full()
    """What of the network is trained."""
    distillation: Distillation | None = None
    """The teacher to learn from. Default: none."""
    continual: Continual | None = None
    """What is done against forgetting what the checkpoint that it starts from has learned. Default: nothing, unmeasured."""
    training: TrainingSpec
    data: DataSpec = DataSpec()
    resources: ResourcesSpec = ResourcesSpec()
    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    """Higher runs first."""

    @model_validator(mode="after")
    def _network_fits(self) -> Self:
        try:
            size = self.network_size
            size.check(self.inputs())
            self.task.check(size, self.patches)
        except ValueError as error:
            raise fault_at("model", error) from None
        return self

    @model_validator(mode="after")
    def _start_fits(self) -> Self:
        if (
            self.start is not None
            and self.start.scope == "encoder"
            and self.network_size.feature_width is None
        ):
            raise SpecFault(
                "no_encoder",
                f"{self.task.kind} learns no encoder; leave start out, or set it to 'all'",
                param="start.scope",
                case="own_task",
                task=self.task.kind,
            )
        return self

    @model_validator(mode="after")
    def _continues(self) -> Self:
        if self.continual is None:
            return self
        if self.start is None:
            raise SpecFault(
                "continual_without_start",
                "forgetting is of what a checkpoint has learned, and the job starts from none; set start.checkpoint, or leave "
                "continual out",
                param="continual",
            )
        if self.start.scope not in {"all", "weights"}:
            raise SpecFault(
                "continual_scope",
                f"a further stage goes on with the same task and all weights, and {self.start.scope!r} takes a part; set it to "
                "'weights' (or 'all'), or leave continual out",
                param="start.scope",
                scope=self.start.scope,
            )
        self._require_adapters_fit()
        require_methods_fit(self.continual, self.task, self.network_size)
        return self

    def _require_adapters_fit(self) -> None:
        adapters = None if self.continual is None else self.continual.adapters
        if adapters is None:
            return
        if self.adaptation != adapters.adaptation:
            raise SpecFault(
                "methods_do_not_combine",
                f"continual.adapters adds an adapter for each stage, which does not go with {self.adaptation.method}; leave "
                "adaptation out",
                param="adaptation",
                case="adaptation",
                methods=["adapters", self.adaptation.method],
            )
        if self.start is not None and self.start.scope != "weights":
            raise SpecFault(
                "adapters_scope",
                f"a stage with a new adapter begins with a fresh optimiser, and {self.start.scope!r} takes that of the checkpoint; set "
                "it to 'weights'",
                param="start.scope",
                scope=self.start.scope,
            )
        try:
            require_fit(self.adaptation, self.task, self.network_size, self.training)
        except SpecFault as error:
            raise SpecFault(
                "adapters_without_place",
                f"the network has no place for adapters: {error.message}",
                param="continual.adapters",
                task=self.task.kind,
                architecture=self.architecture,
                reason=error.message,
            ) from None

    @model_validator(mode="before")
    @classmethod
    def _with_stage_adapters(cls, document: Any) -> Any:
        """Fill in ``adaptation`` where ``continual.adapters`` decides it."""
        if not isinstance(document, dict) or document.get("adaptation", Full()) not in (Full(), _FULL):
            return document
        try:
            continual = Continual.model_validate(document.get("continual"))
        except ValidationError:
            return document  # absent, or reported at its own fields
        return (
            document
            if continual.adapters is None
            else document | {"adaptation": continual.adapters.adaptation}
        )

    @model_validator(mode="after")
    def _distils(self) -> Self:
        require_possible(self.distillation, self.task, self.network_size, self.start)
        cached = self.distillation is not None and self.distillation.cache is not None
        if cached and self.continual is not None and self.continual.replay is not None:
            raise SpecFault(
                "cache_with_replay",
                "the teacher's outputs are kept for the samples of the job's own data, and replay adds others; leave cache out",
                param="distillation.cache",
            )
        return self

    @model_validator(mode="after")
    def _adaptation_fits(self) -> Self:
        require_fit(self.adaptation, self.task, self.network_size, self.training)
        return self

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        model = self.model
        if model.config is not None and not self.network_size.published_sizes:
            raise SpecFault(
                "config_of_own_network",
                f"further settings are for networks of transformers, and a {self.architecture} is none; leave config out",
                param="model.config",
                architecture=self.architecture,
            )
        if model.preprocessor is not None and (model.config is None or self.task.modality == "text"):
            raise SpecFault(
                "preprocessor_without_config",
                "the settings of a preprocessor belong to a network of images or audio with further settings (model.config); "
                "leave preprocessor out",
                param="model.preprocessor",
            )
        self.task.check_settings(self.network_size, model.config or {})
        return self

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        positions, length = self.learned_positions, self.training.sequence_length
        if self.task.modality == "text" and positions is not None and length > positions:
            raise SpecFault(
                "row_exceeds_positions",
                f"the network has {positions} positions (model.config), so a row has {positions} tokens at most",
                param="training.sequence_length",
                positions=positions,
            )
        return self

    @model_validator(mode="after")
    def _tokenizer_is_there(self) -> Self:
        given = self.start is not None or self.distillation is not None
        if not given and self.data.tokenizer.kind == "checkpoint" and self.task.modality == "text":
            raise SpecFault(
                "tokenizer_without_checkpoint",
                "'checkpoint' is the tokenizer of the checkpoint that the job starts from, or of its teacher, and the job has "
                "neither; set start.checkpoint, or choose a tokenizer that is trained on the data, such as 'bpe'",
                param="data.tokenizer.kind",
            )
        if self.data.tokenizer.add_tokens and self.data.tokenizer.kind != "checkpoint":
            raise SpecFault(
                "added_tokens_without_checkpoint",
                f"words are added to the vocabulary of a checkpoint, and data.tokenizer.kind is {self.data.tokenizer.kind!r}; set "
                "it to 'checkpoint', with start.checkpoint, or leave add_tokens out: a tokenizer that is trained on the data learns "
                "their words",
                param="data.tokenizer.add_tokens",
                kind=self.data.tokenizer.kind,
            )
        return self

    @model_validator(mode="after")
    def _packing_fits(self) -> Self:
        if self.data.packing != "stream" and not self.task.packs_documents:
            able = [task.model_fields["kind"].default for task in task_specs() if task.packs_documents]
            reads = "reads its text as a stream" if self.task.modality == "text" else "reads no text"
            raise SpecFault(
                "packing_not_of_task",
                f"'best_fit' is for {', '.join(able)}; {self.task.kind} {reads}",
                param="data.packing",
                tasks=able,
                task=self.task.kind,
                modality=self.task.modality,
            )
        return self

    @model_validator(mode="after")
    def _channels_fit(self) -> Self:
        if self.task.needs_colour and self.data.image.channels != 3:
            raise SpecFault(
                "needs_colour",
                f"{self.task.kind} learns from colours, and 1 is grey; set it to 3, or choose another task",
                param="data.image.channels",
                task=self.task.kind,
            )
        return self

    @model_validator(mode="after")
    def _can_stop_early(self) -> Self:
        stopping = self.training.early_stopping
        if stopping is None:
            return self
        known = [name for name in self.judging_metrics if name.startswith("eval/")]
        if stopping.metric not in known:
            raise SpecFault(
                "no_judging_metric",
                f"{stopping.metric!r} is no measure of an evaluation that shows which model is better. Such measures are "
                + ", ".join(known),
                param="training.early_stopping.metric",
                case="early_stopping",
                name=stopping.metric,
                measures=known,
            )
        if self.training.evaluate_every is None:
            raise SpecFault(
                "evaluations_missing",
                "early stopping compares evaluations; set training.evaluate_every",
                param="training.evaluate_every",
            )
        return self

    @model_validator(mode="after")
    def _best_can_be_told(self) -> Self:
        name = self.training.retention.keep_best
        if name is None or name in (known := self.judging_metrics):
            return self
        near = difflib.get_close_matches(name, known, n=1)
        raise SpecFault(
            "no_judging_metric",
            f"{name!r} is not a measure of this job that shows which checkpoint is better. "
            + (f"Did you mean {near[0]!r}? " if near else "")
            + f"Such measures are {', '.join(known)}",
            param="training.retention.keep_best",
            name=name,
            nearest=near[0] if near else None,
            measures=list(known),
        )

    @property
    def judging_metrics(self) -> dict[str, Direction]:
        """Measures of this job that show which model is better, and which direction is better."""
        evaluations = self.task.evaluations
        averaged = evaluations if self.training.ema_decay is not None else {}
        return {
            "train/loss": "lower",
            **{f"eval/{name}": way for name, way in evaluations.items()},
            **{f"eval/ema_{name}": way for name, way in averaged.items()},
            **directions(REPRESENTATION),
        }

    @model_validator(mode="after")
    def _clips_fit(self) -> Self:
        try:
            self.task.check_clip(self.clip_samples)
        except ValueError as error:
            raise fault_at("data.audio.clip_seconds", error) from None
        return self

    @model_validator(mode="after")
    def _labels_fit(self) -> Self:
        given, read = self.data.text.labels, self.task.text_labels
        if given is not None and given != read:
            how = f"reads them as {read!r}" if read is not None else "reads no labels of text"
            raise SpecFault(
                "labels_unfit",
                f"{given!r} is not how {self.task.kind} reads labels: it {how}; leave it out",
                param="data.text.labels",
                given=given,
                task=self.task.kind,
                read=read,
            )
        if self.data.audio.transcripts and not self.task.reads_transcripts:
            raise SpecFault(
                "transcripts_unfit",
                f"{self.task.kind} reads no transcripts; leave it out",
                param="data.audio.transcripts",
                task=self.task.kind,
            )
        return self

    @property
    def prepared_data(self) -> DataSpec:
        """`data` as it is prepared: with labels as the task reads them, so that only such a task sees them."""
        text = self.data.text.model_copy(update={"labels": self.task.text_labels})
        audio = self.data.audio.model_copy(update={"transcripts": self.task.reads_transcripts})
        return self.data.model_copy(update={"text": text, "audio": audio})

    @property
    def clip_samples(self) -> int:
        """Audio samples in one clip of a recording; of a task that reads whole recordings, in the longest."""
        audio = self.data.audio
        return max(1, round((self.task.clip_seconds or audio.clip_seconds) * audio.sampling_rate))

    @property
    def architecture(self) -> str:
        """The architecture of the network that this job trains."""
        return self.network_size.architecture

    @property
    def network_size(self) -> Size:
        """The network's sizes, for any architecture."""
        return self.model.resolve(self.task.presets)

    @property
    def size(self) -> Transformer:
        """The sizes of a transformer."""
        size = self.network_size
        assert isinstance(size, Transformer)
        return size

    @property
    def resnet_size(self) -> ResNetSize:
        """The sizes of a ResNet."""
        size = self.network_size
        assert isinstance(size, ResNetSize)
        return size

    @property
    def gan_size(self) -> GanSize:
        """The sizes of a GAN's two networks."""
        size = self.network_size
        assert isinstance(size, GanSize)
        return size

    @property
    def patch_size(self) -> int:
        """Pixels on the side of a ViT's patch."""
        return self.model.patch_size or patch_size_for(self.data.image.size)

    @property
    def has_small_stem(self) -> bool:
        """Whether a ResNet has the stem of small images; one as somebody else made it never has."""
        return is_small_image(self.data.image.size) and self.model.config is None

    @property
    def patches(self) -> int:
        """Patches that a ViT cuts an image into."""
        return (self.data.image.size // self.patch_size) ** 2

    @property
    def dropout(self) -> float:
        """Dropout in training: as set, otherwise that of the architecture's publication."""
        if self.model.dropout is not None:
            return self.model.dropout
        return self.network_size.default_dropout

    @property
    def learned_positions(self) -> int | None:
        """Number of positions in the network's weights; None if the weights allow any number."""
        if not self.network_size.learned_positions:
            return None
        return self.model.positions or self.training.sequence_length

    def inputs(self, vocabulary_size: int | None = None, classes: int | None = None) -> Inputs:
        """The networks' inputs in one micro-batch.

        Args:
            vocabulary_size: of an uploaded tokenizer; None: the largest that the spec allows.
            classes: of the data, for a task that learns them; None: unknown, `MOST_CLASSES`.
        """
        training, image = self.training, self.data.image
        precision, device = training.precision, self.resources.device
        return Inputs(
            vocabulary_size=vocabulary_size or self.data.tokenizer.largest_vocabulary,
            sequence_length=training.sequence_length,
            image_size=image.size,
            channels=image.channels,
            patch_size=self.patch_size,
            clip_samples=self.clip_samples,
            samples=training.least_sequences_per_step // training.accumulation_steps,
            half=precision == "bf16" or (precision == "auto" and device != "cpu"),
            device=device,
            dropout=self.dropout,
            classes=MOST_CLASSES if classes is None else classes,
            published=self.model.config is not None,
            patch_strides=self.model.patch_strides,
            frames=self.model.frames,
        )
