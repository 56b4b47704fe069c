"""``masked_spectrogram``."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.spec.audio import AudioAugmentation
from core.spec.metrics import LOSS, REPRESENTATION, Metric
from core.spec.model import presets_of
from core.spec.recipes import Recipe, audio_recipes
from core.spec.task import Modality, TaskSpec


class MaskedSpectrogram(TaskSpec):
    """Paint in the hidden patches of a spectrogram: the audio MAE (Huang et al. 2022, arXiv 2207.06405)."""

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

    kind: Literal["masked_spectrogram"] = "masked_spectrogram"

    mel_bins: Annotated[int, Field(ge=8, le=512)] = 128
    """Mel bands of the spectrogram. Frames are 25 ms, one each 10 ms, at 16 kHz (400 and 160 samples)."""
    patch_size: Annotated[int, Field(ge=2, le=64)] = 16
    """Bands and frames on a patch's side; must divide ``mel_bins``."""
    mask_ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.8
    """Share of the patches hidden, each patch as likely as any other."""
    normalize_targets: bool = True
    """Predict each patch after taking away its own mean and dividing by its own standard deviation."""
    decoder_layers: Annotated[int, Field(ge=1, le=64)] = 4
    """Blocks of the decoder, which is thrown away after pretraining."""
    decoder_hidden_size: Annotated[int, Field(ge=8, le=4096)] | None = None
    """Width of the decoder; a multiple of ``model.heads``. Default: half the encoder's, at least 16 a head."""

    augmentation: AudioAugmentation = AudioAugmentation()

    @model_validator(mode="after")
    def _patches_fit(self) -> Self:
        if self.mel_bins % self.patch_size:
            raise ValueError(f"patch_size ({self.patch_size}) must divide mel_bins ({self.mel_bins})")
        return self

    def frames(self, samples: int) -> int:
        """Frames of the spectrogram of so many samples, filled up to whole patches, at least one."""
        frames = 1 + (samples - FRAME_LENGTH) // FRAME_STEP if samples >= FRAME_LENGTH else 1
        return -(-frames // self.patch_size) * self.patch_size

    def patches(self, samples: int) -> int:
        """Patches of the spectrogram of so many samples."""
        return self.frames(samples) // self.patch_size * (self.mel_bins // self.patch_size)

    def decoder_width(self, hidden_size: int, heads: int) -> int:
        """Width of the decoder beside an encoder of that width."""
        return self.decoder_hidden_size or max(16, hidden_size // heads // 2) * heads


FRAME_LENGTH = 400
"""Samples in one frame of the spectrogram."""
FRAME_STEP = 160
"""Samples from one frame to the next."""
