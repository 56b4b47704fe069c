"""Creates networks of `transformers` with new weights."""

from typing import Any, TypeVar

import torch
from transformers import PreTrainedModel

from core.networks.activations import use_fused_gelu
from core.networks.dropout import use_cheap_dropout
from core.randomness import derive_seed

_M = TypeVar("_M", bound=PreTrainedModel)


def fresh(kind: type[_M], config: Any, seed: int) -> _M:
    """A new network on the CPU. Its weights depend only on ``config`` and ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        model = kind(config)
    use_cheap_dropout(model)
    use_fused_gelu(model)
    return model
