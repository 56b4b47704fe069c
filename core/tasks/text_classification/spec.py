"""``text_classification``."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.language import LanguageModelSize
from core.spec.architectures.t5 import T5Size
from core.spec.decoders import count_linear
from core.spec.faults import SpecFault
from core.spec.metrics import CLASSIFICATION, LOSS, MULTI_LABEL, REGRESSION, Metric
from core.spec.model import presets_of
from core.spec.opening import TEXT_CLASSIFICATION, Opening
from core.spec.recipes import Recipe
from core.spec.supervised import ClassifyingTask, fine_tuning_recipes
from core.spec.task import Modality
from core.spec.text_data import TextLabels


class TextClassification(ClassifyingTask):
    """Predict one class, several classes or a number of each text, from a pretrained encoder or from fresh weights."""

    title: ClassVar[str] = "Text classification"
    choose_if: ClassVar[str] = (
        "Choose this if your texts have classes or scores, and a model shall predict them: fine-tune the encoder of a "
        "checkpoint (start), or train from nothing to compare."
    )
    modality: ClassVar[Modality] = "text"
    presets: ClassVar[tuple[str, ...]] = presets_of(
        "bert", "modernbert", "gpt2", "llama", "t5", default="bert-mini"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        LOSS,
        *(replace(metric, always=False) for metric in (*CLASSIFICATION, *MULTI_LABEL, *REGRESSION)),
    )
    recipes: ClassVar[tuple[Recipe, ...]] = fine_tuning_recipes(
        batch=32,
        steps=200,
        rate=0.001,
        added_rate=0.003,
        large_batch=64,
        large_steps=10_000,
        large_rate=0.00025,
    )
    main_fields: ClassVar[tuple[str, ...]] = ("target", "label_smoothing")
    opening: ClassVar[Opening] = TEXT_CLASSIFICATION

    continues: ClassVar[tuple[str, ...]] = (
        "BertForSequenceClassification",
        "ModernBertForSequenceClassification",
    )
    weight_fields: ClassVar[tuple[str, ...]] = ("target",)

    kind: Literal["text_classification"] = "text_classification"

    target: Literal["one", "several", "number"] = "one"
    """What is predicted of a text: ``one`` class, ``several`` classes at once (also none), or a ``number``. A number is
    learned as it is given, by its squared error; scale large numbers down first."""

    @property
    def text_labels(self) -> TextLabels | None:
        return self.target

    @property
    def has_fixed_inputs(self) -> bool:
        return True

    @property
    def gives_logits(self) -> bool:
        return self.target == "one"

    @property
    def learns_classes(self) -> bool:
        return self.target == "one"

    sentinels: Annotated[int, Field(ge=0, le=10_000)] = 100
    """For a T5: tokens ``<extra_id_0>`` … of its vocabulary, which only pretraining uses. Default: as in the checkpoint
    that the job starts from, else 100."""

    @model_validator(mode="after")
    def _numbers_have_no_classes(self) -> Self:
        given = {"label_smoothing": bool(self.label_smoothing), "class_weights": self.class_weights != "none"}
        for name, is_given in given.items():
            if self.target == "number" and is_given:
                message = f"{name} is for classes; leave it out where target is number"
                raise SpecFault("setting_not_of_target", message, name=name)
        return self

    def network_form(self, network: Size, *, sequence_length: int, clip_samples: int) -> Mapping[str, object]:
        is_t5 = network.architecture == T5Size.architecture
        return {"training.sequence_length": f"{self.sentinels} sentinels"} if is_t5 else {}

    def hands_over(self, network: Size, *, sequence_length: int) -> Mapping[str, object]:
        return {"sentinels": self.sentinels}

    def fixed_by_weights(self, sequence_length: int) -> tuple[object, ...]:
        return (self.target,)

    def parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, LanguageModelSize)
        if network.architecture == T5Size.architecture:
            inputs = replace(inputs, vocabulary_size=inputs.vocabulary_size + self.sentinels)
        return network.encoder_parameters(inputs) + self.head_parameters(network, inputs)

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, LanguageModelSize)
        width, kind = network.hidden_size, network.architecture
        outputs = 1 if self.target == "number" else inputs.classes
        if kind in {"gpt2", "llama"}:
            return width * outputs
        # BERT's pooler has a bias, and ModernBERT's a norm of as many weights.
        pooler = width * width + width if kind in {"bert", "modernbert"} else 0
        return pooler + count_linear(width, outputs)

    def activation_bytes(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, LanguageModelSize)
        kept = network.activation_bytes(inputs, predicted=0)
        # T5's are those of as many blocks of the decoder too.
        return kept // 2 if network.architecture == T5Size.architecture else kept
