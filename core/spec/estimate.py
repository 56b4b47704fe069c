"""What a job will weigh, told before anything runs and without torch.

The parameters are counted exactly. The memory is an estimate of the peak of training: 16 bytes a parameter (the weight,
its gradient and AdamW's two moments, all in fp32), and the activations that are saved of one micro-batch. Each
architecture (`core.spec.architectures`) tells what its networks weigh, and each task what it trains beside or in place of
that (`core.spec.task.TaskSpec`).

It leaves out what does not grow with the job (the runtime, a GPU's context), so it errs on the low side: a job that is
refused by it could not have fitted.
"""

from dataclasses import dataclass

from core.spec.job import JobSpec

_TRAINING_BYTES = 16


@dataclass(frozen=True)
class Estimate:
    """What a job will weigh."""

    parameters: int
    """Weights of the network, embeddings included; tied weights count once."""
    weights_bytes: int
    """Weights, gradients and optimiser state."""
    activation_bytes: int
    """What one micro-batch adds at the end of its forward pass."""

    @property
    def memory_bytes(self) -> int:
        """Peak of training."""
        return self.weights_bytes + self.activation_bytes


def estimate(spec: JobSpec, *, vocabulary_size: int | None = None) -> Estimate:
    """The weight of a job.

    Args:
        vocabulary_size: Of an uploaded tokenizer; None: as the spec says.
    """
    network, inputs = spec.network_size, spec.inputs(vocabulary_size)
    parameters = spec.task.parameters(network, inputs)
    return Estimate(
        parameters=parameters,
        weights_bytes=_TRAINING_BYTES * parameters,
        activation_bytes=spec.task.activation_bytes(network, inputs),
    )
