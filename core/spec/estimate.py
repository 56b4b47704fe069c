"""What a job will weigh, told before anything runs and without torch.

The parameters are counted exactly. The memory is an estimate of the peak of training:

* 16 bytes a parameter: the weight, its gradient and AdamW's two moments, all in fp32.
* Saved activations of one part of a batch, after Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1): a token costs
  a layer 34 h + 8 i bytes in fp32 and 18 h + 4 i in bf16 (h the hidden size, i the intermediate size; two of the h are the
  one-byte dropout masks), and where attention scores are materialised (on the CPU) 9 bytes a head and token pair.
* The vocabulary head on predicted positions only: logits, their log-softmax and gradient, 12 bytes a vocabulary entry.
* Of images: `core.spec.image_weight`.

It leaves out what does not grow with the job (the runtime, a GPU's context), so it errs on the low side: who refuses a
job by it refuses only what cannot fit.
"""

from dataclasses import dataclass

from core.spec.image_weight import image_activation_bytes, image_parameters
from core.spec.job import JobSpec
from core.spec.model import TransformerSize
from core.spec.parameters import count_parameters

_TRAINING_BYTES = 16


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
    vocabulary = vocabulary_size or spec.data.tokenizer.largest_vocabulary
    training = spec.training
    parameters = count_parameters(
        architecture, size, vocabulary_size=vocabulary, positions=training.sequence_length
    )
    return Estimate(
        parameters=parameters,
        weights_bytes=_TRAINING_BYTES * parameters,
        activation_bytes=_activations(spec, size, vocabulary),
    )


def _activations(spec: JobSpec, size: TransformerSize, vocabulary: int) -> int:
    training = spec.training
    half = training.precision == "bf16" or (training.precision == "auto" and spec.resources.device != "cpu")
    sequences = training.batch_size // training.accumulation_steps
    tokens = sequences * training.sequence_length
    hidden, intermediate = size.hidden_size, size.intermediate_size
    a_token = 18 * hidden + 4 * intermediate if half else 34 * hidden + 8 * intermediate
    if spec.resources.device == "cpu":
        a_token += 9 * size.heads * training.sequence_length
    predicted = int(tokens * getattr(spec.task, "mask_probability", 1.0))
    return size.layers * tokens * a_token + 12 * predicted * vocabulary
