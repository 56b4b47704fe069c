"""What a job will weigh, told before anything runs and without torch.

The parameters are counted exactly. The memory is an estimate of the peak of training:

* 16 bytes a parameter: the weight, its gradient and AdamW's two moments, all in fp32.
* Saved activations of one part of a batch, after Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1): bytes a token
  and layer by the hidden and the intermediate size, as in ``_TOKEN_BYTES``, and where attention scores are materialised
  (on the CPU, with dropout) 9 bytes a head and token pair.
* The vocabulary head, some positions at a time: logits, their softmax and gradient, 12 bytes a vocabulary entry.
* Of images: `core.spec.image_weight`.

It leaves out what does not grow with the job (the runtime, a GPU's context), so it errs on the low side: who refuses a
job by it refuses only what cannot fit.
"""

from dataclasses import dataclass

from core.spec.audio_estimate import audio_activations, audio_parameters
from core.spec.image_weight import image_activation_bytes, image_parameters
from core.spec.job import JobSpec
from core.spec.model import Architecture, TransformerSize
from core.spec.parameters import count_parameters, feature_predictor
from core.tasks.masked_lm.spec import MaskedLanguageModeling
from core.tasks.masked_spectrogram.spec import MaskedSpectrogram
from core.tasks.text_denoising_autoencoder.spec import TextDenoisingAutoencoder
from core.tasks.wav2vec2.spec import Wav2Vec2

_TRAINING_BYTES = 16

_TOKEN_BYTES: dict[Architecture, tuple[tuple[int, int], tuple[int, int]]] = {
    "bert": ((34, 8), (18, 4)),
    # GPT-2's and T5's GELU, by its tangent, is made of seven operations.
    "gpt2": ((34, 20), (18, 12)),
    # A gated layer is twice as wide, and RMS norms compute in fp32.
    "llama": ((42, 16), (36, 8)),
    "modernbert": ((41, 16), (29, 8)),
    "t5": ((46, 32), (40, 28)),
}
"""Saved bytes a token and layer, in fp32 and in bf16: so many times the hidden size, so many times the intermediate
size. Two of the former are one-byte dropout masks."""


@dataclass(frozen=True)
class Estimate:
    """What a job will weigh."""

    parameters: int
    """Weights of the network, embeddings included; tied weights count once."""
    weights_bytes: int
    """Weights, gradients and optimiser state."""
    activation_bytes: int
    """What one part of a batch adds at the end of its forward pass."""

    @property
    def memory_bytes(self) -> int:
        """Peak of training."""
        return self.weights_bytes + self.activation_bytes


def estimate(spec: JobSpec, *, vocabulary_size: int | None = None) -> Estimate:
    """The weight of a job.

    Args:
        vocabulary_size: Of an uploaded tokenizer; None: as the spec says.
    """
    if spec.task.modality == "image":
        parameters = image_parameters(spec)
        return Estimate(
            parameters=parameters,
            weights_bytes=_TRAINING_BYTES * parameters,
            activation_bytes=image_activation_bytes(spec),
        )
    architecture, size = spec.architecture, spec.size
    training, task = spec.training, spec.task
    if isinstance(task, MaskedSpectrogram | Wav2Vec2):
        return _estimate_audio(spec, size, task)
    vocabulary = vocabulary_size or spec.data.tokenizer.largest_vocabulary
    if isinstance(task, TextDenoisingAutoencoder):
        vocabulary += task.sentinels(training.sequence_length)
    parameters = count_parameters(
        architecture, size, vocabulary_size=vocabulary, positions=training.sequence_length
    )
    if isinstance(task, MaskedLanguageModeling) and task.feature_reconstruction:
        parameters += feature_predictor(size.hidden_size)
    return Estimate(
        parameters=parameters,
        weights_bytes=_TRAINING_BYTES * parameters,
        activation_bytes=_activations(spec, size, vocabulary),
    )


def _estimate_audio(spec: JobSpec, size: TransformerSize, task: MaskedSpectrogram | Wav2Vec2) -> Estimate:
    parameters = audio_parameters(size, task)
    training, audio = spec.training, spec.data.audio
    return Estimate(
        parameters=parameters,
        weights_bytes=_TRAINING_BYTES * parameters,
        activation_bytes=audio_activations(
            size,
            task,
            clips=training.least_sequences_per_step // training.accumulation_steps,
            samples=round(audio.clip_seconds * audio.sampling_rate),
            half=_is_half(spec),
            on_cpu=spec.resources.device == "cpu",
        ),
    )


def _is_half(spec: JobSpec) -> bool:
    precision = spec.training.precision
    return precision == "bf16" or (precision == "auto" and spec.resources.device != "cpu")


def _activations(spec: JobSpec, size: TransformerSize, vocabulary: int) -> int:
    training = spec.training
    half = _is_half(spec)
    sequences = training.least_sequences_per_step // training.accumulation_steps
    read, predicted = _tokens(spec)
    by_hidden, by_intermediate = _TOKEN_BYTES[spec.architecture][half]
    a_token = by_hidden * size.hidden_size + by_intermediate * size.intermediate_size
    if spec.resources.device == "cpu" and spec.dropout:
        a_token += 9 * size.heads * training.sequence_length
    scores = min(sequences * predicted * vocabulary, scores_at_once(spec.resources.device))
    return size.layers * sequences * read * a_token + 12 * scores


def _tokens(spec: JobSpec) -> tuple[int, int]:
    """Tokens of a sequence that pass through each layer, and those that are predicted."""
    task, length = spec.task, spec.training.sequence_length
    if isinstance(task, TextDenoisingAutoencoder):
        cut, spans = task.noise(length - 1)
        written = cut + spans + 1
        return length - cut + spans + written, written
    return length, int(length * getattr(task, "mask_probability", 1.0))


def scores_at_once(device: str) -> int:
    """How many scores of a vocabulary head are held at once: 16 MB in fp32, on a GPU enough to fill it."""
    return 1 << 22 if device == "cpu" else 1 << 27
