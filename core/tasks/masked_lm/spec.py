"""``masked_lm``."""

from dataclasses import replace
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.language import LanguageModelSize
from core.spec.base import Spec
from core.spec.faults import SpecFault
from core.spec.metrics import LANGUAGE, LOSS_IN_NATS, Metric
from core.spec.model import presets_of
from core.spec.opening import MASKED_LANGUAGE, Opening
from core.spec.predictions import FILL_MASK, Prediction
from core.spec.recipes import Recipe, text_recipes
from core.spec.task import Modality, TaskSpec


class FeatureReconstruction(Spec):
    """A second loss: predict the clean text's features at the masked positions from the masked text.

    The total is ``alpha`` times the task's loss and ``1 - alpha`` times this one.
    """

    alpha: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.8
    """Weight of the task's own loss; the rest is the reconstruction's."""

    target: Literal["hidden", "embeddings"] = "hidden"
    """``hidden``: the last layer's features of the clean text, from the same network without dropout (as data2vec,
    Baevski et al. 2022, arXiv 2202.03555); costs a second forward pass. ``embeddings``: the clean tokens' word
    embeddings."""


class MaskedLanguageModeling(TaskSpec):
    """Predict hidden tokens from both sides: BERT (Devlin et al. 2018, arXiv 1810.04805), ModernBERT
    (Warner et al. 2024, arXiv 2412.13663)."""

    title: ClassVar[str] = "Masked language model"
    choose_if: ClassVar[str] = (
        "Choose this if you want a network that understands text: to classify, to label words, to search, to compare."
    )
    modality: ClassVar[Modality] = "text"
    continues: ClassVar[tuple[str, ...]] = ("bert", "modernbert")
    text_head: ClassVar[Literal["next_token", "masked_token"] | None] = "masked_token"
    presets: ClassVar[tuple[str, ...]] = presets_of("bert", "modernbert", default="bert-mini")
    metrics: ClassVar[tuple[Metric, ...]] = (
        replace(LOSS_IN_NATS, level="unigram_entropy"),
        Metric("masked_accuracy", "Masked accuracy", better="higher", unit="share", tile="Accuracy"),
        *LANGUAGE,
        Metric("feature_loss", "Feature loss", ("train", "eval"), better="lower", always=False),
        Metric("task_loss", "Task loss", ("train",), unit="nats", logarithmic=True, always=False),
        Metric(
            "unigram_entropy",
            "Unigram entropy",
            unit="nats",
            hint="The loss of a model that predicts each token by its frequency alone.",
        ),
    )
    recipes: ClassVar[tuple[Recipe, ...]] = text_recipes(
        tiny="bert-tiny",
        small="bert-mini",
        large="bert-base",
        batch=256,
        parts=8,
        length=512,
        rate=0.0001,
        warmup=10_000,
    )
    opening: ClassVar[Opening] = MASKED_LANGUAGE
    main_fields: ClassVar[tuple[str, ...]] = ("mask_probability",)
    packs_documents: ClassVar[bool] = True
    predictions: ClassVar[tuple[Prediction, ...]] = (FILL_MASK,)

    kind: Literal["masked_lm"] = "masked_lm"

    mask_probability: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.15
    """Share of the tokens (special tokens excepted) chosen for prediction in training.
    Evaluation always uses 0.15, so that runs with different rates compare."""

    mask_token_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.8
    """Share of the chosen tokens replaced by the mask token."""

    random_token_share: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """Share of the chosen tokens replaced by a random token; the rest is left as it is."""

    masking: Literal["token", "whole_word", "span"] = "token"
    """The unit that is chosen. ``token``: each token by itself. ``whole_word``: all tokens of a word (BERT's later
    release). ``span``: runs of one to ten whole words (SpanBERT, Joshi et al. 2019, arXiv 1907.10529), each hidden in
    one way. Evaluation always uses ``token``."""

    separate_documents: bool = False
    """Whether attention within a row is restricted to one document, with positions counted from its beginning. By
    default it crosses from one document to the next, as in RoBERTa, which is faster."""

    feature_reconstruction: FeatureReconstruction | None = None
    """Reconstruct the clean text's features too; ``null``: only predict tokens."""

    @model_validator(mode="after")
    def _shares_fit(self) -> Self:
        if self.mask_token_share + self.random_token_share > 1.0 + 1e-9:
            raise SpecFault(
                "shares_above_one",
                "mask_token_share + random_token_share must be at most 1",
                names=["mask_token_share", "random_token_share"],
            )
        return self

    @property
    def gives_logits(self) -> bool:
        return self.feature_reconstruction is None

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        if self.feature_reconstruction is None:
            return 0
        assert isinstance(network, LanguageModelSize)
        hidden = network.hidden_size
        # The predictor of features: two layers with biases and a hidden width of twice the network's.
        return 2 * (2 * hidden * hidden) + 3 * hidden

    def activation_bytes(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, LanguageModelSize)
        predicted = int(inputs.sequence_length * self.mask_probability)
        return network.activation_bytes(inputs, predicted=predicted)

    def fixed_by_weights(self, sequence_length: int) -> tuple[object, ...]:
        return (self.feature_reconstruction is not None,)
