"""Adapts an objective: the one place that knows all methods."""

from transformers import PreTrainedModel

from core.adaptation.base import Adapted
from core.adaptation.bottlenecks import add_adapters
from core.adaptation.freezing import GraduallyTrained, train_head_only
from core.networks.encoder import Encoder
from core.spec.adaptation import Adaptation, Adapters, Frozen, Full, Gradual
from core.spec.adaptation_targets import targets_of
from core.spec.architectures.base import Size


def adapt(
    network: PreTrainedModel, encoder: Encoder, adaptation: Adaptation, size: Size, *, seed: int
) -> Adapted:
    """Choose what of a network is trained, and add what the adaptation adds, in place.

    Args:
        network: The encoder with its head, with the weights that training starts from.
        encoder: Its encoder.
        size: The encoder's sizes.
        seed: What is added depends on it alone.
    """
    if isinstance(adaptation, Full):
        return Adapted()
    if isinstance(adaptation, Frozen):
        return train_head_only(encoder)
    if isinstance(adaptation, Gradual):
        return GraduallyTrained(encoder, adaptation)
    targets = targets_of(adaptation, size)
    if isinstance(adaptation, Adapters):
        return add_adapters(network, encoder, adaptation, targets, seed=seed)
    # Loading peft takes seconds, which other runs do not need.
    from core.adaptation.peft_layers import add_layers  # noqa: PLC0415

    return add_layers(network, encoder, adaptation, targets, seed=seed)
