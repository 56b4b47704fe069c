"""What a job will weigh, told before anything runs and without torch.

The parameters are counted exactly. The memory is an estimate of the peak of training:

* 16 bytes a parameter: the weight, its gradient and AdamW's two moments, all in fp32.
* Saved activations of one part of a batch, after Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1): a token costs
  a layer 34 h + 8 i bytes in fp32 and 18 h + 4 i in bf16 (h the hidden size, i the intermediate size; two of the h are the
  one-byte dropout masks), and where attention scores are materialised (on the CPU) 9 bytes a head and token pair.
* The vocabulary head on predicted positions only: logits, their log-softmax and gradient, 12 bytes a vocabulary entry.

It leaves out what does not grow with the job (the runtime, a GPU's context), so it errs on the low side: who refuses a
job by it refuses only what cannot fit.
"""

from dataclasses import dataclass

from core.spec.job import JobSpec
from core.spec.model import BertSize

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
    size = spec.model.size
    vocabulary = vocabulary_size or spec.data.tokenizer.vocabulary_size
    training = spec.training
    parameters = bert_parameters(size, vocabulary_size=vocabulary, positions=training.sequence_length)
    return Estimate(
        parameters=parameters,
        weights_bytes=_TRAINING_BYTES * parameters,
        activation_bytes=_activations(spec, size, vocabulary),
    )


def bert_parameters(size: BertSize, *, vocabulary_size: int, positions: int) -> int:
    """Parameters of BERT with its masked language modelling head, whose decoder shares the embedding's matrix."""
    hidden, intermediate = size.hidden_size, size.intermediate_size
    norm = 2 * hidden
    embeddings = (vocabulary_size + positions + 2) * hidden + norm  # two token types
    attention = 4 * (hidden * hidden + hidden) + norm
    feed_forward = 2 * hidden * intermediate + intermediate + hidden + norm
    head = hidden * hidden + hidden + norm + vocabulary_size
    return embeddings + size.layers * (attention + feed_forward) + head


def _activations(spec: JobSpec, size: BertSize, vocabulary: int) -> int:
    training = spec.training
    half = training.precision == "bf16" or (training.precision == "auto" and spec.resources.device != "cpu")
    sequences = training.batch_size // training.accumulation_steps
    tokens = sequences * training.sequence_length
    hidden, intermediate = size.hidden_size, size.intermediate_size
    a_token = 18 * hidden + 4 * intermediate if half else 34 * hidden + 8 * intermediate
    if spec.resources.device == "cpu":
        a_token += 9 * size.heads * training.sequence_length
    predicted = int(tokens * spec.task.mask_probability)
    return size.layers * tokens * a_token + 12 * predicted * vocabulary
