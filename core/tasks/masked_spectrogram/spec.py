"""``masked_spectrogram``."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.spec.architectures.ast import MEL_BINS, PATCH_SIZE, SPECIAL_TOKENS, AstSize, spectrogram_frames
from core.spec.architectures.audio import audio_block_bytes
from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.transformer import TransformerSize
from core.spec.audio import AudioAugmentation
from core.spec.decoders import count_linear
from core.spec.faults import SpecFault
from core.spec.metrics import LOSS, REPRESENTATION, Metric
from core.spec.model import presets_of
from core.spec.predictions import RECONSTRUCT_SOUND, Prediction
from core.spec.recipes import Recipe, audio_recipes
from core.spec.task import Modality, TaskSpec


class MaskedSpectrogram(TaskSpec):
    """Predict the hidden patches of a spectrogram: the audio MAE (Huang et al. 2022, arXiv 2207.06405)."""

    title: ClassVar[str] = "Masked spectrogram"
    choose_if: ClassVar[str] = (
        "Choose this if your recordings are sounds of any kind, whole scenes or music, and you will fine-tune on labels."
    )
    modality: ClassVar[Modality] = "audio"
    presets: ClassVar[tuple[str, ...]] = presets_of("ast", default="ast-tiny")
    metrics: ClassVar[tuple[Metric, ...]] = (LOSS, *REPRESENTATION)
    recipes: ClassVar[tuple[Recipe, ...]] = audio_recipes(
        network="ast-tiny",
        model={"preset": "ast-tiny"},
        task={"mel_bins": 64, "patch_size": 8, "augmentation": {"speed": 0.15}},
        batch=64,
        rate=0.001,
        smoke_rate=0.0005,
        large="ast-base",
        large_batch=512,
        large_rate=0.0002,
    )
    main_fields: ClassVar[tuple[str, ...]] = ("mask_ratio",)
    predictions: ClassVar[tuple[Prediction, ...]] = (RECONSTRUCT_SOUND,)

    kind: Literal["masked_spectrogram"] = "masked_spectrogram"

    mel_bins: Annotated[int, Field(ge=8, le=512)] = MEL_BINS
    """Mel bands of the spectrogram. Frames are 25 ms, one each 10 ms, at 16 kHz (400 and 160 samples)."""
    patch_size: Annotated[int, Field(ge=2, le=64)] = PATCH_SIZE
    """Bands and frames on a patch's side; must divide ``mel_bins``."""
    mask_ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.8
    """Share of the patches hidden, each patch as likely as any other."""
    normalize_targets: bool = True
    """Predict each patch after subtracting its own mean and dividing by its own standard deviation."""
    decoder_layers: Annotated[int, Field(ge=1, le=64)] = 4
    """Transformer blocks of the decoder, which is discarded after pretraining."""
    decoder_hidden_size: Annotated[int, Field(ge=8, le=4096)] | None = None
    """Width of the decoder; a multiple of ``model.heads``. Default: half the encoder's, at least 16 a head."""

    augmentation: AudioAugmentation = AudioAugmentation()

    @model_validator(mode="after")
    def _patches_fit(self) -> Self:
        if self.mel_bins % self.patch_size:
            raise SpecFault(
                "not_divisible",
                f"patch_size ({self.patch_size}) must divide mel_bins ({self.mel_bins})",
                name="mel_bins",
                value=self.mel_bins,
                divisor="patch_size",
                divisor_value=self.patch_size,
            )
        return self

    def encoder_form(self, *, sequence_length: int, clip_samples: int) -> Mapping[str, object]:
        return {
            "task.mel_bins": self.mel_bins,
            "task.patch_size": self.patch_size,
            "data.audio.clip_seconds": f"clips of {self.frames(clip_samples)} frames",
        }

    def check_settings(self, network: Size, config: Mapping[str, Any]) -> None:
        strides = {config.get(name, self.patch_size) for name in ("frequency_stride", "time_stride")}
        frames = config.get("max_length")
        if config and (
            strides != {self.patch_size} or not isinstance(frames, int) or frames % self.patch_size
        ):
            raise SpecFault(
                "patches_overlap",
                "masked_spectrogram cuts a spectrogram into whole patches without overlap, and the network's patches overlap or "
                "do not fill it (frequency_stride, time_stride, max_length in model.config); choose audio_classification",
                param="model.config",
                patch_size=self.patch_size,
            )

    def frames(self, samples: int) -> int:
        """Number of frames of the spectrogram of this many samples, padded to whole patches, at least one."""
        return spectrogram_frames(samples, self.patch_size)

    def patches(self, samples: int) -> int:
        """Number of patches of the spectrogram of this many samples."""
        return self.frames(samples) // self.patch_size * (self.mel_bins // self.patch_size)

    def decoder_width(self, hidden_size: int, heads: int) -> int:
        """Width of the decoder for an encoder of that width."""
        return self.decoder_hidden_size or max(16, hidden_size // heads // 2) * heads

    def decoder_size(self, encoder: TransformerSize) -> TransformerSize:
        """Sizes of the decoder for an encoder."""
        width = self.decoder_width(encoder.hidden_size, encoder.heads)
        return TransformerSize(
            layers=self.decoder_layers, hidden_size=width, heads=encoder.heads, intermediate_size=4 * width
        )

    def parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, AstSize)
        encoder = network.parameters(inputs, patch_size=self.patch_size)
        return encoder + self.head_parameters(network, inputs)

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, AstSize)
        decoder = self.decoder_size(network)
        width = decoder.hidden_size
        ends = count_linear(network.hidden_size, width) + count_linear(width, self.patch_size**2)
        mask_token, norm = width, 2 * width
        return ends + mask_token + norm + decoder.layers * decoder.block_parameters

    def activation_bytes(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, AstSize)
        patches = self.patches(inputs.clip_samples)
        seen = max(1, round(patches * (1 - self.mask_ratio)))
        decoder = audio_block_bytes(self.decoder_size(network), inputs, patches + SPECIAL_TOKENS)
        return network.activation_bytes(inputs, patches=seen) + decoder
