"""``wav2vec2``."""

import math
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.spec.audio import AudioAugmentation
from core.spec.base import Spec
from core.spec.metrics import LOSS, REPRESENTATION, Metric
from core.spec.model import presets_of
from core.spec.recipes import Recipe, audio_recipes
from core.spec.task import Modality, TaskSpec

_Width = Annotated[int, Field(ge=1, le=1024)]


class FeatureEncoder(Spec):
    """The convolutions that turn samples into frames; defaults are the paper's (one frame each 20 ms at 16 kHz)."""

    kernels: tuple[_Width, ...] = (10, 3, 3, 3, 3, 2, 2)
    """Width of each convolution."""
    strides: tuple[_Width, ...] = (5, 2, 2, 2, 2, 2, 2)
    """Step of each convolution; their product is the samples a frame. For 8 kHz ``(5, 2, 2, 2, 2, 2)`` with six
    kernels gives the same 20 ms."""
    channels: Annotated[int, Field(ge=4, le=4096)] | None = None
    """Channels of every convolution. Default: two thirds of ``model.hidden_size``, which is the paper's 512 for 768."""
    normalization: Literal["group", "layer"] = "layer"
    """``group``: the first convolution's channels over time (the paper's BASE); ``layer``: every frame by itself (its
    LARGE), so that silence behind a short recording changes nothing. With ``layer`` the transformer's blocks normalise
    first, too."""

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.kernels) != len(self.strides) or not self.kernels:
            raise ValueError(
                f"kernels ({len(self.kernels)}) and strides ({len(self.strides)}) go together, one of each a convolution"
            )
        return self

    def channels_for(self, hidden_size: int) -> int:
        """Channels of every convolution in a network of that width."""
        return self.channels or max(4, 2 * hidden_size // 3)

    @property
    def stride(self) -> int:
        """Samples from one frame's beginning to the next one's."""
        return math.prod(self.strides)

    @property
    def field(self) -> int:
        """Samples that one frame sees."""
        seen = 1
        for kernel, stride in zip(reversed(self.kernels), reversed(self.strides), strict=True):
            seen = (seen - 1) * stride + kernel
        return seen

    def frames(self, samples: int) -> int:
        """Frames that so many samples give; 0 where they are fewer than one frame sees."""
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            samples = (samples - kernel) // stride + 1 if samples >= kernel else 0
        return samples


class Wav2Vec2(TaskSpec):
    """Tell a masked frame's own quantised sound from others of the recording: wav2vec 2.0 (arXiv 2006.11477)."""

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
    """Of the small one: a frame each 10 ms, so that half a second of speech gives enough of them to mask and to tell
    apart, and stretches of 100 ms, for shorter ones are guessed from the frames beside them."""

    kind: Literal["wav2vec2"] = "wav2vec2"

    feature_encoder: FeatureEncoder = FeatureEncoder()

    mask_start_probability: Annotated[float, Field(gt=0.0, le=1.0)] = 0.065
    """Share of the frames that a masked stretch begins at. At least two do in each recording that has room for them."""
    mask_length: Annotated[int, Field(ge=1, le=1000)] = 10
    """Frames a masked stretch; stretches may overlap. Recordings shorter than one have half their frames masked."""
    negatives: Annotated[int, Field(ge=1, le=1000)] = 100
    """Other masked frames of the same recording that the right one must be told from."""
    contrast_temperature: Annotated[float, Field(gt=0.0, le=10.0)] = 0.1
    """κ, which similarities are divided by."""
    diversity_weight: Annotated[float, Field(ge=0.0, le=100.0)] = 0.1
    """The paper's alpha: weight of the loss that wants all code words used."""

    codebooks: Annotated[int, Field(ge=1, le=64)] = 2
    """G, groups of code words; a target is one word of each."""
    codewords: Annotated[int, Field(ge=2, le=65_536)] = 320
    """V, words in a codebook."""
    codeword_size: Annotated[int, Field(ge=1, le=4096)] = 128
    """Numbers in a code word; targets are ``codebooks`` times as wide."""
    position_kernel: Annotated[int, Field(ge=2, le=1024)] = 128
    """Width of the convolution over frames that tells the transformer where each frame is, in frames."""
    projection_size: Annotated[int, Field(ge=2, le=4096)] = 256
    """Width of the space in which predictions and targets are compared."""

    gumbel_temperature: Annotated[float, Field(gt=0.0, le=100.0)] = 2.0
    """Temperature of the choice of code words at the first step."""
    gumbel_temperature_final: Annotated[float, Field(gt=0.0, le=100.0)] = 0.5
    """It never falls below this."""
    gumbel_decay: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    """Factor that it falls by each step. Default: what takes it from the first to the last value over the whole run. The
    paper's is 0.999995 over 400,000 steps."""

    augmentation: AudioAugmentation = AudioAugmentation()

    def check_clip(self, samples: int) -> None:
        frames = self.feature_encoder.frames(samples)
        if frames < 2:
            least = self.feature_encoder.field + self.feature_encoder.stride
            raise ValueError(
                f"a clip of {samples:,} samples gives {frames} frames, and two are the least that can be told apart: "
                f"make it {least:,} samples or longer"
            )

    @model_validator(mode="after")
    def _falls(self) -> Self:
        if self.gumbel_temperature_final > self.gumbel_temperature:
            raise ValueError(
                f"gumbel_temperature_final ({self.gumbel_temperature_final}) must be at most "
                f"gumbel_temperature ({self.gumbel_temperature})"
            )
        return self
