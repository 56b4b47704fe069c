"""``audio_classification``."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.spec.architectures.ast import MEL_BINS, PATCH_SIZE, AstSize, spectrogram_frames, spectrogram_patches
from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.wav2vec2 import POSITION_KERNEL, FeatureEncoder, Wav2Vec2Size
from core.spec.audio import AudioAugmentation
from core.spec.decoders import count_linear
from core.spec.faults import SpecFault
from core.spec.metrics import CLASSIFICATION, LOSS, Metric
from core.spec.model import presets_of
from core.spec.opening import AUDIO_CLASSIFICATION, Opening
from core.spec.recipes import Recipe
from core.spec.supervised import ClassifyingTask, fine_tuning_recipes
from core.spec.task import Modality

PROJECTION = 256
"""Width between the two linear layers of the head of wav2vec 2.0, as `transformers` has it."""


class AudioClassification(ClassifyingTask):
    """Assign one class to each clip of a recording, from a pretrained encoder or from fresh weights."""

    title: ClassVar[str] = "Audio classification"
    choose_if: ClassVar[str] = (
        "Choose this if your recordings have classes, by folder, and a model shall tell them: fine-tune the encoder of a "
        "checkpoint (start), or train from nothing to compare."
    )
    modality: ClassVar[Modality] = "audio"
    presets: ClassVar[tuple[str, ...]] = presets_of("ast", "wav2vec2", default="ast-tiny")
    metrics: ClassVar[tuple[Metric, ...]] = (LOSS, *CLASSIFICATION)
    recipes: ClassVar[tuple[Recipe, ...]] = fine_tuning_recipes(
        batch=32,
        steps=200,
        rate=0.0005,
        added_rate=0.003,
        large_batch=64,
        large_steps=10_000,
        large_rate=0.00025,
    )
    main_fields: ClassVar[tuple[str, ...]] = ("label_smoothing", "augmentation")
    opening: ClassVar[Opening] = AUDIO_CLASSIFICATION

    weight_fields: ClassVar[tuple[str, ...]] = (
        "mel_bins",
        "patch_size",
        "feature_encoder",
        "position_kernel",
    )
    continues: ClassVar[tuple[str, ...]] = (
        "audio-spectrogram-transformer",
        "Wav2Vec2ForSequenceClassification",
    )

    kind: Literal["audio_classification"] = "audio_classification"

    mel_bins: Annotated[int, Field(ge=8, le=512)] = MEL_BINS
    """For an AST: mel bands of the spectrogram. Default: as in the checkpoint that the job starts from, else 128."""
    patch_size: Annotated[int, Field(ge=2, le=64)] = PATCH_SIZE
    """For an AST: bands and frames on a patch's side; must divide ``mel_bins``. Default: as in the checkpoint, else
    16."""
    feature_encoder: FeatureEncoder = FeatureEncoder()
    """For wav2vec 2.0: its convolutions. Default: as in the checkpoint, else the paper's."""
    position_kernel: Annotated[int, Field(ge=2, le=1024)] = POSITION_KERNEL
    """For wav2vec 2.0: kernel size, in frames, of the convolution that encodes positions. Default: as in the
    checkpoint, else 128."""

    augmentation: AudioAugmentation = AudioAugmentation()
    """Random changes of the training clips. Default: only the start of a clip in a longer recording varies."""

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

    def network_form(self, network: Size, *, sequence_length: int, clip_samples: int) -> Mapping[str, object]:
        if network.architecture == Wav2Vec2Size.architecture:
            return {
                "task.feature_encoder": self.feature_encoder,
                "task.position_kernel": self.position_kernel,
            }
        return {
            "task.mel_bins": self.mel_bins,
            "task.patch_size": self.patch_size,
            "data.audio.clip_seconds": f"clips of {spectrogram_frames(clip_samples, self.patch_size)} frames",
        }

    def check_clip(self, samples: int) -> None:
        if self.feature_encoder.frames(samples) < 1:
            field = self.feature_encoder.field
            raise SpecFault(
                "clip_too_short",
                f"a clip of {samples:,} samples is shorter than one frame of {field:,}; make it longer",
                case="no_frame",
                samples=samples,
                least_samples=field,
            )

    def parameters(self, network: Size, inputs: Inputs) -> int:
        if isinstance(network, Wav2Vec2Size):
            encoder = network.parameters(
                inputs, convolutions=self.feature_encoder, position_kernel=self.position_kernel
            )
            encoder -= network.hidden_size  # the mask token, which only pretraining needs
        else:
            assert isinstance(network, AstSize)
            encoder = network.parameters(inputs, patch_size=self.patch_size)
        return encoder + self.head_parameters(network, inputs)

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        width = network.feature_width
        assert width is not None
        if isinstance(network, Wav2Vec2Size):
            return count_linear(width, PROJECTION) + count_linear(PROJECTION, inputs.classes)
        return 2 * width + count_linear(width, inputs.classes)

    def activation_bytes(self, network: Size, inputs: Inputs) -> int:
        if isinstance(network, Wav2Vec2Size):
            return network.activation_bytes(inputs, convolutions=self.feature_encoder)
        assert isinstance(network, AstSize)
        patches = spectrogram_patches(inputs, self.mel_bins, self.patch_size)
        return network.activation_bytes(inputs, patches=patches)
