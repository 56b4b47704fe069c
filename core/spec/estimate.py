"""Estimates a job's parameters and memory before it runs, without torch.

The parameters are counted exactly. The memory is an estimate of the peak of training: 16 bytes a parameter (the weight,
its gradient and AdamW's two moments, all in fp32), and the activations that are saved of one micro-batch. Each
architecture (`core.spec.architectures`) gives the parameters and memory of its networks, and each task those of what
it trains in addition or instead (`core.spec.task.TaskSpec`).

It leaves out memory that does not depend on the job (the runtime, a GPU's context), so it is a lower bound: a job that
is refused because of it could not have fitted.
"""

from dataclasses import dataclass

from core.spec.job import JobSpec

_TRAINING_BYTES = 16


@dataclass(frozen=True)
class Estimate:
    """Parameters and memory of a job."""

    parameters: int
    """Number of weights of the network, embeddings included; tied weights count once."""
    weights_bytes: int
    """Bytes of weights, gradients and optimiser state."""
    activation_bytes: int
    """Bytes that one micro-batch adds at the end of its forward pass."""

    @property
    def memory_bytes(self) -> int:
        """Peak memory of training in bytes."""
        return self.weights_bytes + self.activation_bytes


def estimate(spec: JobSpec, *, vocabulary_size: int | None = None) -> Estimate:
    """Estimate the parameters and memory of a job.

    Args:
        vocabulary_size: Of an uploaded tokenizer; None: the spec's.
    """
    network, inputs = spec.network_size, spec.inputs(vocabulary_size)
    parameters = spec.task.parameters(network, inputs)
    return Estimate(
        parameters=parameters,
        weights_bytes=_TRAINING_BYTES * parameters,
        activation_bytes=spec.task.activation_bytes(network, inputs),
    )
