"""Estimates a job's parameters and memory before it runs, without torch.

The parameters are counted exactly. The memory is an estimate of the peak of training: 16 bytes a trained parameter (the
weight, its gradient and AdamW's two moments, all in fp32), 4 bytes a frozen one and each copy that a method against forgetting keeps, and the activations that are saved of one micro-batch. Each
architecture (`core.spec.architectures`) gives the parameters and memory of its networks, and each task those of what
it trains in addition or instead (`core.spec.task.TaskSpec`).

It leaves out memory that does not depend on the job (the runtime, a GPU's context), so it is a lower bound: a job that
is refused because of it could not have fitted.
"""

from dataclasses import dataclass

from core.spec.adaptation import Full
from core.spec.adaptation_size import adapted_weights, kept_activations
from core.spec.continual_rules import copied_weights
from core.spec.job import JobSpec

_TRAINING_BYTES = 16
_FROZEN_BYTES = 4


@dataclass(frozen=True)
class Estimate:
    """Parameters and memory of a job."""

    parameters: int
    """Number of weights of the network, embeddings included; tied weights count once."""
    trainable_parameters: int
    """Number of those that are trained; where they become more in the course of a run, at its end."""
    weights_bytes: int
    """Bytes of weights, gradients and optimiser state."""
    activation_bytes: int
    """Bytes that one micro-batch adds at the end of its forward pass."""

    @property
    def memory_bytes(self) -> int:
        """Peak memory of training in bytes."""
        return self.weights_bytes + self.activation_bytes


def estimate(
    spec: JobSpec,
    *,
    vocabulary_size: int | None = None,
    classes: int | None = None,
    teacher: JobSpec | None = None,
) -> Estimate:
    """Estimate the parameters and memory of a job.

    Args:
        vocabulary_size: Of an uploaded tokenizer; None: the spec's.
        classes: Of the data, for a task that learns them; None: unknown.
        teacher: The spec of the network that the job distils, whose weights are in memory too.
    """
    network, inputs = spec.network_size, spec.inputs(vocabulary_size, classes)
    weights = adapted_weights(
        spec.adaptation,
        network,
        parameters=spec.task.parameters(network, inputs),
        head=spec.task.head_parameters(network, inputs),
    )
    activations = spec.task.activation_bytes(network, inputs)
    if not isinstance(spec.adaptation, Full):
        activations = int(activations * kept_activations(spec.adaptation, network))
    frozen = weights.all - weights.trainable
    if spec.continual is not None:
        frozen += copied_weights(spec.continual, weights.all, weights.trainable)
    if teacher is not None:
        frozen += teacher.task.parameters(
            teacher.network_size, teacher.inputs(inputs.vocabulary_size, classes)
        )
    return Estimate(
        parameters=weights.all,
        trainable_parameters=weights.trainable,
        weights_bytes=_TRAINING_BYTES * weights.trainable + _FROZEN_BYTES * frozen,
        activation_bytes=activations,
    )
