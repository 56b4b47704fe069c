"""``token_classification``."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.language import LanguageModelSize
from core.spec.architectures.t5 import T5Size
from core.spec.decoders import count_linear
from core.spec.metrics import LOSS, Metric
from core.spec.model import presets_of
from core.spec.opening import TOKEN_CLASSIFICATION, Opening
from core.spec.predictions import TAG, Prediction
from core.spec.recipes import Recipe
from core.spec.supervised import ClassifyingTask, fine_tuning_recipes
from core.spec.task import Modality
from core.spec.text_data import TextLabels

_WORDS = "An entity counts if its type and all its words are right, as seqeval counts."


class TokenClassification(ClassifyingTask):
    """Predict a tag of each word, such as the names in a text, from a pretrained encoder or from fresh weights."""

    title: ClassVar[str] = "Token classification"
    choose_if: ClassVar[str] = (
        "Choose this if the words of your texts have tags (files in CoNLL layout), and a model shall find such entities: "
        "fine-tune the encoder of a checkpoint (start), or train from nothing to compare."
    )
    modality: ClassVar[Modality] = "text"
    presets: ClassVar[tuple[str, ...]] = presets_of(
        "bert", "modernbert", "gpt2", "llama", "t5", default="bert-mini"
    )
    metrics: ClassVar[tuple[Metric, ...]] = (
        LOSS,
        Metric("entity_f1", "Entity F1", better="higher", unit="share", hint=_WORDS, tile="Entity F1"),
        Metric(
            "entity_precision",
            "Entity precision",
            better="higher",
            unit="share",
            hint="Of the entities that are predicted, the share that is right.",
            tile="Precision",
        ),
        Metric(
            "entity_recall",
            "Entity recall",
            better="higher",
            unit="share",
            hint="Of the entities that are there, the share that was found. Words that truncation drops are not found.",
            tile="Recall",
        ),
        Metric(
            "entity_macro_f1",
            "Entity F1, macro",
            better="higher",
            unit="share",
            hint="The mean of F1 over the types of entities: rare ones count as much.",
        ),
        Metric(
            "entity_strict_f1",
            "Entity F1, strict",
            better="higher",
            unit="share",
            hint="F1 where an entity counts as predicted only if its tags are valid IOB2: it begins with B.",
        ),
        Metric(
            "word_accuracy",
            "Word accuracy",
            ("train", "eval"),
            better="higher",
            unit="share",
            hint="Words with the right tag. Most words are outside of entities, so that it is high for any model.",
        ),
    )
    recipes: ClassVar[tuple[Recipe, ...]] = fine_tuning_recipes(
        batch=32,
        steps=600,
        rate=0.0005,
        added_rate=0.003,
        large_batch=64,
        large_steps=10_000,
        large_rate=0.00025,
    )
    main_fields: ClassVar[tuple[str, ...]] = ("label_smoothing", "class_weights")
    opening: ClassVar[Opening] = TOKEN_CLASSIFICATION
    predictions: ClassVar[tuple[Prediction, ...]] = (TAG,)

    continues: ClassVar[tuple[str, ...]] = (
        "BertForTokenClassification",
        "ModernBertForTokenClassification",
    )

    kind: Literal["token_classification"] = "token_classification"

    sentinels: Annotated[int, Field(ge=0, le=10_000)] = 100
    """For a T5: tokens ``<extra_id_0>`` … of its vocabulary, which only pretraining uses. Default: as in the checkpoint
    that the job starts from, else 100."""

    @property
    def learns_classes(self) -> bool:
        return False

    @property
    def text_labels(self) -> TextLabels | None:
        return "tags"

    def hands_over(self, network: Size, *, sequence_length: int) -> Mapping[str, object]:
        return {"sentinels": self.sentinels}

    def network_form(self, network: Size, *, sequence_length: int, clip_samples: int) -> Mapping[str, object]:
        is_t5 = network.architecture == T5Size.architecture
        return {"training.sequence_length": f"{self.sentinels} sentinels"} if is_t5 else {}

    def parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, LanguageModelSize)
        if network.architecture == T5Size.architecture:
            inputs = replace(inputs, vocabulary_size=inputs.vocabulary_size + self.sentinels)
        return network.encoder_parameters(inputs) + self.head_parameters(network, inputs)

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, LanguageModelSize)
        width = network.hidden_size
        # ModernBERT has a layer without a bias and a norm before the last one.
        before = width * width + width if network.architecture == "modernbert" else 0
        return before + count_linear(width, inputs.classes)

    def activation_bytes(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, LanguageModelSize)
        kept = network.activation_bytes(inputs, predicted=0)
        # T5's are those of as many blocks of the decoder too.
        return kept // 2 if network.architecture == T5Size.architecture else kept
