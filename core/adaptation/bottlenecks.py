"""Bottleneck adapters inside a frozen encoder."""

from collections.abc import Sequence

import torch
from transformers import PreTrainedModel

from core.adaptation.base import Adapted, batch_norms, freeze, module_names
from core.networks.bottleneck_adapters import with_adapters
from core.networks.encoder import Encoder
from core.randomness import derive_seed
from core.spec.adaptation import Adapters
from core.spec.adaptation_targets import Target


def add_adapters(
    network: PreTrainedModel,
    encoder: Encoder,
    adaptation: Adapters,
    targets: Sequence[Target],
    *,
    seed: int,
) -> Adapted:
    """Freeze an encoder and put trained bottlenecks into it, in place. The head is trained as before.

    Args:
        network: The encoder with its head; it becomes one of a class of its own.
        seed: The bottlenecks' first weights depend on it alone.
    """
    frozen = freeze(encoder)
    maps = list(module_names(network, encoder, targets))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation", "adaptation"))
        with_adapters(
            network,
            {"maps": maps, "size": adaptation.width(encoder.width), "activation": adaptation.activation},
        )
    return Adapted(frozen, batch_norms(encoder.body))
