"""The number of weights that an adaptation adds to a network, and the number that it trains, exact and without torch."""

from dataclasses import dataclass

from core.spec.adaptation import Adaptation, Adapters, Frozen, Full, Gradual, Ia3, Lora
from core.spec.adaptation_targets import Target, targets_of
from core.spec.architectures.base import Size


@dataclass(frozen=True, slots=True)
class AdaptedWeights:
    """Numbers of parameters."""

    all: int
    """Of the network with its head and what the adaptation adds."""
    trainable: int
    """Of those that are trained: where they become more in the course of a run, at its end."""


def adapted_weights(adaptation: Adaptation, network: Size, *, parameters: int, head: int) -> AdaptedWeights:
    """Count the weights of an adapted network.

    Args:
        parameters: of the network with its head, as they would be trained without an adaptation.
        head: of the head alone.

    Raises:
        ValueError: the adaptation does not fit the network.
    """
    if isinstance(adaptation, Full):
        return AdaptedWeights(parameters, parameters)
    if isinstance(adaptation, Frozen):
        return AdaptedWeights(parameters, head)
    if isinstance(adaptation, Gradual):
        last = adaptation.unfreeze[-1]
        if last.embeddings:
            return AdaptedWeights(parameters, parameters)
        blocks = range(network.block_count - last.blocks, network.block_count)
        trained = sum(network.block_weights(block) for block in blocks)
        return AdaptedWeights(parameters, head + trained + (network.norm_weights if last.blocks else 0))
    added = sum(_added(adaptation, target) for target in targets_of(adaptation, network))
    return AdaptedWeights(parameters + added, head + added)


def kept_activations(adaptation: Adaptation, network: Size) -> float:
    """The share of the activations of full training that autograd keeps, rather too low than too high.

    Of frozen blocks before the first trained weight none is kept. Of blocks with frozen matrices the inputs of these are not
    needed, which are about half of the activations.
    """
    if isinstance(adaptation, Full):
        return 1.0
    if isinstance(adaptation, Frozen):
        return 0.0
    if isinstance(adaptation, Gradual):
        return adaptation.unfreeze[-1].blocks / max(1, network.block_count)
    first = min(target.block for target in targets_of(adaptation, network))
    return 0.5 * (network.block_count - first) / network.block_count


def _added(adaptation: Lora | Ia3 | Adapters, target: Target) -> int:
    """Weights that the adaptation adds to one map."""
    one = target.map
    if isinstance(adaptation, Ia3):
        return one.inputs if one.scaled == "inputs" else one.outputs
    if isinstance(adaptation, Adapters):
        width = adaptation.width(one.outputs)
        return 2 * one.outputs * width + width + one.outputs
    lengths = one.outputs if adaptation.dora else 0
    return adaptation.rank * (one.inputs * one.kernel**2 + one.outputs) + lengths
