"""``wav2vec2``."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.wav2vec2 import POSITION_KERNEL, FeatureEncoder, Wav2Vec2Size
from core.spec.audio import AudioAugmentation
from core.spec.decoders import count_linear
from core.spec.faults import SpecFault
from core.spec.metrics import LOSS, REPRESENTATION, Metric
from core.spec.model import presets_of
from core.spec.recipes import Recipe, audio_recipes
from core.spec.task import Modality, TaskSpec


class Wav2Vec2(TaskSpec):
    """Distinguish a masked frame's own quantised sound from others of the recording: wav2vec 2.0 (arXiv 2006.11477)."""

    title: ClassVar[str] = "wav2vec 2.0"
    choose_if: ClassVar[str] = (
        "Choose this if your recordings are speech, and features of each moment matter: to recognise words or speakers."
    )
    modality: ClassVar[Modality] = "audio"
    presets: ClassVar[tuple[str, ...]] = presets_of("wav2vec2", default="wav2vec2-tiny")
    metrics: ClassVar[tuple[Metric, ...]] = (
        LOSS,
        Metric(
            "contrastive_accuracy",
            "Contrastive accuracy",
            ("train", "eval"),
            better="higher",
            unit="share",
            tile="Accuracy",
        ),
        Metric(
            "codebook_perplexity",
            "Codewords in use",
            ("train", "eval"),
            better="higher",
            hint="Perplexity of the codebooks, summed; the number of codebooks means collapse.",
        ),
        Metric("contrastive_loss", "Contrastive loss", ("train",), logarithmic=True),
        Metric("diversity_loss", "Diversity loss", ("train",), logarithmic=True),
        *REPRESENTATION,
    )
    recipes: ClassVar[tuple[Recipe, ...]] = audio_recipes(
        network="three layers of 144",
        model={"layers": 3, "hidden_size": 144, "heads": 4},
        task={
            "feature_encoder": {"kernels": (10, 8, 4, 4), "strides": (5, 4, 2, 2), "channels": 96},
            "mask_start_probability": 0.065,
            "mask_length": 10,
            "negatives": 20,
            "diversity_weight": 0.3,
            "codewords": 40,
            "codeword_size": 48,
            "projection_size": 96,
            "position_kernel": 16,
            "augmentation": {"speed": 0.2, "noise_snr_db": (5, 25), "gain_db": 6},
        },
        batch=32,
        rate=0.001,
        smoke_rate=0.001,
        large="wav2vec2-base",
        large_batch=256,
        large_rate=0.0005,
    )
    """Settings of the small recipe: a frame each 10 ms, so that half a second of speech has enough frames to mask and to
    distinguish, and spans of 100 ms, because shorter ones can be predicted from the adjacent frames."""

    weight_fields: ClassVar[tuple[str, ...]] = (
        "feature_encoder",
        "position_kernel",
        "codebooks",
        "codewords",
        "codeword_size",
        "projection_size",
    )
    continues: ClassVar[tuple[str, ...]] = ("wav2vec2",)

    kind: Literal["wav2vec2"] = "wav2vec2"

    feature_encoder: FeatureEncoder = FeatureEncoder()

    mask_start_probability: Annotated[float, Field(gt=0.0, le=1.0)] = 0.065
    """Share of the frames at which a masked stretch begins.
    Each recording with enough frames has at least two stretches."""
    mask_length: Annotated[int, Field(ge=1, le=1000)] = 10
    """Frames per masked stretch; stretches may overlap. Recordings shorter than one have half their frames masked."""
    negatives: Annotated[int, Field(ge=1, le=1000)] = 100
    """Negatives: number of other masked frames of the same recording from which the right one must be distinguished."""
    contrast_temperature: Annotated[float, Field(gt=0.0, le=10.0)] = 0.1
    """κ, the divisor of the similarities (temperature)."""
    diversity_weight: Annotated[float, Field(ge=0.0, le=100.0)] = 0.1
    """The paper's alpha: weight of the diversity loss, which is lower the more code words are used."""

    codebooks: Annotated[int, Field(ge=1, le=64)] = 2
    """G, number of codebooks; a target is one code word of each."""
    codewords: Annotated[int, Field(ge=2, le=65_536)] = 320
    """V, words in a codebook."""
    codeword_size: Annotated[int, Field(ge=1, le=4096)] = 128
    """Dimensions of a code word; targets are ``codebooks`` times as wide."""
    position_kernel: Annotated[int, Field(ge=2, le=1024)] = POSITION_KERNEL
    """Kernel size, in frames, of the convolution that encodes each frame's position for the transformer."""
    projection_size: Annotated[int, Field(ge=2, le=4096)] = 256
    """Width of the space in which predictions and targets are compared."""

    gumbel_temperature: Annotated[float, Field(gt=0.0, le=100.0)] = 2.0
    """Temperature of the choice of code words at the first step."""
    gumbel_temperature_final: Annotated[float, Field(gt=0.0, le=100.0)] = 0.5
    """Lowest temperature."""
    gumbel_decay: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """Factor of the temperature per step. Default: the one that leads from the first to the last value over the
    whole run. The paper's is 0.999995 over 400,000 steps."""

    augmentation: AudioAugmentation = AudioAugmentation()

    def encoder_form(self, *, sequence_length: int, clip_samples: int) -> Mapping[str, object]:
        return {"task.feature_encoder": self.feature_encoder, "task.position_kernel": self.position_kernel}

    def check_clip(self, samples: int) -> None:
        frames = self.feature_encoder.frames(samples)
        if frames < 2:
            least = self.feature_encoder.field + self.feature_encoder.stride
            raise SpecFault(
                "clip_too_short",
                f"a clip of {samples:,} samples gives {frames} frames, and two are the least that can be told apart: "
                f"make it {least:,} samples or longer",
                samples=samples,
                frames=frames,
                least_samples=least,
            )

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.gumbel_temperature_final > self.gumbel_temperature:
            raise SpecFault(
                "range_reversed",
                f"gumbel_temperature_final ({self.gumbel_temperature_final}) must be at most "
                f"gumbel_temperature ({self.gumbel_temperature})",
                case="values",
                least="gumbel_temperature_final",
                most="gumbel_temperature",
                least_value=self.gumbel_temperature_final,
                most_value=self.gumbel_temperature,
            )
        return self

    def parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, Wav2Vec2Size)
        encoder = network.parameters(
            inputs, convolutions=self.feature_encoder, position_kernel=self.position_kernel
        )
        return encoder + self.head_parameters(network, inputs)

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, Wav2Vec2Size)
        channels, words = (
            self.feature_encoder.channels_for(network.hidden_size),
            self.codebooks * self.codewords,
        )
        quantizer = count_linear(channels, words) + words * self.codeword_size
        predictions = count_linear(network.hidden_size, self.projection_size)
        targets = count_linear(self.codebooks * self.codeword_size, self.projection_size)
        return quantizer + predictions + targets

    def activation_bytes(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, Wav2Vec2Size)
        frames, clips = max(1, self.feature_encoder.frames(inputs.clip_samples)), inputs.samples
        masked = clips * min(frames, math.ceil(frames * self.mask_start_probability) * self.mask_length)
        choices = masked * (12 * self.codebooks * self.codewords + 8 * self.negatives)
        similarities = 4 * masked * masked // max(1, clips)
        encoder = network.activation_bytes(inputs, convolutions=self.feature_encoder)
        return encoder + choices + similarities
