"""``speech_recognition``."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.wav2vec2 import POSITION_KERNEL, FeatureEncoder, Wav2Vec2Size
from core.spec.audio import AudioAugmentation
from core.spec.decoders import count_linear
from core.spec.faults import SpecFault
from core.spec.metrics import LOSS, Metric
from core.spec.model import presets_of
from core.spec.opening import SPEECH_RECOGNITION, Opening
from core.spec.predictions import TRANSCRIBE, Prediction
from core.spec.recipes import Recipe
from core.spec.supervised import SupervisedTask, fine_tuning_recipes
from core.spec.task import Modality

Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Length = Annotated[int, Field(ge=1, le=1000)]


class SpeechRecognition(SupervisedTask):
    """Transcribe recordings, character by character: CTC (Graves et al. 2006) on wav2vec 2.0 (arXiv 2006.11477, section 3.3)."""

    title: ClassVar[str] = "Speech recognition"
    choose_if: ClassVar[str] = (
        "Choose this if your recordings have transcripts, and a model shall write down what is said: fine-tune the wav2vec 2.0 "
        "of a checkpoint (start), or train from nothing to compare."
    )
    modality: ClassVar[Modality] = "audio"
    presets: ClassVar[tuple[str, ...]] = presets_of("wav2vec2", default="wav2vec2-tiny")
    metrics: ClassVar[tuple[Metric, ...]] = (
        LOSS,
        Metric(
            "wer",
            "Word error rate",
            better="lower",
            unit="share",
            hint="Words to replace, add or remove for each word of the transcripts; it can be above 100 %.",
            tile="WER",
        ),
        Metric(
            "cer",
            "Character error rate",
            better="lower",
            unit="share",
            hint="Characters to replace, add or remove for each character of the transcripts.",
            tile="CER",
        ),
    )
    recipes: ClassVar[tuple[Recipe, ...]] = fine_tuning_recipes(
        batch=16,
        steps=1_500,
        rate=0.0005,
        added_rate=0.003,
        large_batch=64,
        large_steps=20_000,
        large_rate=0.00025,
    )
    main_fields: ClassVar[tuple[str, ...]] = ("max_seconds", "freeze_feature_encoder", "augmentation")
    opening: ClassVar[Opening] = SPEECH_RECOGNITION
    predictions: ClassVar[tuple[Prediction, ...]] = (TRANSCRIBE,)

    continues: ClassVar[tuple[str, ...]] = ("Wav2Vec2ForCTC",)
    weight_fields: ClassVar[tuple[str, ...]] = (
        "feature_encoder",
        "position_kernel",
        "lowercase",
        "keep_punctuation",
        "keep_apostrophes",
        "freeze_feature_encoder",
        "mask_share",
    )

    kind: Literal["speech_recognition"] = "speech_recognition"

    max_seconds: Annotated[float, Field(gt=0.0, le=60.0)] = 16.0
    """Length of the longest recording that is used, in seconds. A sample is a whole recording; longer ones are left out and
    counted. Batches are padded to their longest recording. ``data.audio.clip_seconds`` is not used."""

    lowercase: bool = True
    """Convert transcripts to lower case."""

    keep_punctuation: bool = False
    """Learn punctuation and symbols too. Otherwise each is read as a blank, apostrophes inside words aside."""

    keep_apostrophes: bool = True
    """Keep apostrophes inside words (``don't``) where punctuation is removed; otherwise they are removed without a
    blank."""

    freeze_feature_encoder: bool = True
    """Leave the convolutions as they are in the checkpoint, as the paper does. Set it to false where the job starts from
    nothing: random convolutions would stay random."""

    mask_share: Share = 0.05
    """Share of a recording's frames that training hides from the transformer, in spans of ``mask_length`` that may overlap
    (SpecAugment, arXiv 1904.08779, as in wav2vec 2.0). 0: none."""

    mask_length: Length = 10
    """Frames of a masked span."""

    channel_mask_share: Share = 0.0
    """Share of the transformer's input features that training sets to 0 for a whole recording, in spans of
    ``channel_mask_length``. 0: none."""

    channel_mask_length: Length = 10
    """Adjacent features of a masked span."""

    feature_encoder: FeatureEncoder = FeatureEncoder()
    """The convolutions of wav2vec 2.0; those of the checkpoint that the job starts from."""

    position_kernel: Annotated[int, Field(ge=2, le=1024)] = POSITION_KERNEL
    """Kernel size, in frames, of the convolution that encodes positions; that of the checkpoint."""

    augmentation: AudioAugmentation = AudioAugmentation()
    """Random changes of the training recordings. Default: none."""

    @property
    def reads_transcripts(self) -> bool:
        return True

    @property
    def clip_seconds(self) -> float:
        return self.max_seconds

    def encoder_form(self, *, sequence_length: int, clip_samples: int) -> Mapping[str, object]:
        return {"task.feature_encoder": self.feature_encoder, "task.position_kernel": self.position_kernel}

    def check_clip(self, samples: int) -> None:
        if self.feature_encoder.frames(samples) < 1:
            field = self.feature_encoder.field
            raise SpecFault(
                "clip_too_short",
                f"a recording of task.max_seconds has {samples:,} samples, fewer than one frame of {field:,}; raise it",
                case="no_frame_of_recording",
                samples=samples,
                least_samples=field,
            )

    def fixed_by_weights(self, sequence_length: int) -> tuple[object, ...]:
        return (
            self.feature_encoder,
            self.position_kernel,
            self.lowercase,
            self.keep_punctuation,
            self.keep_apostrophes,
            self.freeze_feature_encoder,
            bool(self.mask_share),
        )

    def parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, Wav2Vec2Size)
        encoder = network.parameters(
            inputs, convolutions=self.feature_encoder, position_kernel=self.position_kernel
        )
        if self.freeze_feature_encoder:
            encoder -= self.feature_encoder.parameters(network.hidden_size)
        if not self.mask_share:
            encoder -= network.hidden_size  # the mask token
        return encoder + self.head_parameters(network, inputs)

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        """The head has an output for each character, which ``inputs.classes`` counts."""
        assert isinstance(network, Wav2Vec2Size)
        return count_linear(network.hidden_size, inputs.classes)

    def activation_bytes(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, Wav2Vec2Size)
        return network.activation_bytes(inputs, convolutions=self.feature_encoder)
