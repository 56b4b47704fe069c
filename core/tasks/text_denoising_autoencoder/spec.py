"""``text_denoising_autoencoder``."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.language import LanguageModelSize
from core.spec.metrics import LANGUAGE, LOSS_IN_NATS, Metric
from core.spec.model import presets_of
from core.spec.opening import TEXT_TO_TEXT, Opening
from core.spec.predictions import INFILL, Prediction
from core.spec.recipes import Recipe, text_recipes
from core.spec.task import Modality, TaskSpec

_SENTINELS = 100


class TextDenoisingAutoencoder(TaskSpec):
    """Predict the spans that were removed from a text: T5 (Raffel et al. 2019, arXiv 1910.10683)."""

    title: ClassVar[str] = "Text denoising autoencoder"
    choose_if: ClassVar[str] = (
        "Choose this if you want a network that reads one text and writes another, as for summaries or translation."
    )
    modality: ClassVar[Modality] = "text"
    continues: ClassVar[tuple[str, ...]] = ("t5",)
    presets: ClassVar[tuple[str, ...]] = presets_of("t5", default="t5-mini")
    metrics: ClassVar[tuple[Metric, ...]] = (LOSS_IN_NATS, *LANGUAGE)
    recipes: ClassVar[tuple[Recipe, ...]] = text_recipes(
        tiny="t5-tiny",
        small="t5-mini",
        large="t5-small",
        batch=128,
        parts=4,
        length=512,
        rate=0.0005,
        warmup=10_000,
    )
    opening: ClassVar[Opening] = TEXT_TO_TEXT
    predictions: ClassVar[tuple[Prediction, ...]] = (INFILL,)

    kind: Literal["text_denoising_autoencoder"] = "text_denoising_autoencoder"

    corruption_rate: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.15
    """Share of the tokens that are cut out in training. Evaluation always uses 0.15, so that runs with different rates
    compare."""

    mean_span_length: Annotated[float, Field(ge=1.0, le=100.0)] = 3.0
    """Mean tokens a span that is cut out in training. Evaluation always uses 3."""

    def noise(self, tokens: int) -> tuple[int, int]:
        """The number of a row's ``tokens`` (at least 2) that are cut, and of spans."""
        cut = min(max(round(tokens * self.corruption_rate), 1), tokens - 1)
        return cut, min(max(round(cut / self.mean_span_length), 1), tokens - cut)

    def encoder_form(self, *, sequence_length: int, clip_samples: int) -> Mapping[str, object]:
        return {"training.sequence_length": f"{self.sentinels(sequence_length)} sentinels"}

    def hands_over(self, network: Size, *, sequence_length: int) -> Mapping[str, object]:
        return {"sentinels": self.sentinels(sequence_length)}

    def sentinels(self, sequence_length: int) -> int:
        """Tokens ``<extra_id_0>`` … that stand for the spans: T5's hundred, or as many as a row can need."""
        longest = max(2, sequence_length - 1)
        return max(_SENTINELS, self.noise(longest)[1], EVALUATION_DENOISING.noise(longest)[1])

    def parameters(self, network: Size, inputs: Inputs) -> int:
        return network.parameters(self._with_sentinels(inputs))

    def activation_bytes(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, LanguageModelSize)
        length = inputs.sequence_length
        cut, spans = self.noise(length - 1)
        written = cut + spans + 1
        # The encoder reads the kept tokens and a sentinel for each span; the decoder predicts the spans.
        read = length - cut + spans + written
        return network.activation_bytes(self._with_sentinels(inputs), read=read, predicted=written)

    def fixed_by_weights(self, sequence_length: int) -> tuple[object, ...]:
        return (self.sentinels(sequence_length),)

    def _with_sentinels(self, inputs: Inputs) -> Inputs:
        sentinels = self.sentinels(inputs.sequence_length)
        return replace(inputs, vocabulary_size=inputs.vocabulary_size + sentinels)


EVALUATION_DENOISING = TextDenoisingAutoencoder()
"""The corruption of the held-out split, the same for all jobs."""
