"""Groups parameters that an optimiser treats alike: by weight decay, share of the learning rate, orthogonalisation."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from core.objectives.base import NamedParameters, Objective

ParameterGroup = dict[str, Any]

_EMBEDDING_WORDS = ("embedding", "cls_token", "mask_token")
_FACTORS = ("ia3_l", "lora_magnitude_vector")
"""In the names of factors that adaptations train. They have more than one dimension, and are vectors nevertheless."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A trained parameter and its place in the network."""

    name: str
    tensor: nn.Parameter
    in_block: bool
    is_embedding: bool
    is_vector: bool
    depth: int
    """Blocks between it and the head, and one for the head's own step: 0 for the head itself."""

    @property
    def is_hidden_matrix(self) -> bool:
        """Whether it maps hidden states to hidden states: a matrix of a block that is not an embedding table."""
        return self.in_block and self.tensor.ndim == 2 and not self.is_embedding and not self.is_vector


def trained(objective: Objective, parameters: NamedParameters) -> list[Parameter]:
    """The parameters that are trained, with their places, in the order given."""
    tables = {id(module.weight) for module in objective.modules() if isinstance(module, nn.Embedding)}
    blocks = [objective.block_of(name) for name, _ in parameters]
    numbers = [block for block in blocks if block is not None]
    count = max(numbers, default=-1) + 1
    found, behind = [], not numbers
    for (name, tensor), block in zip(parameters, blocks, strict=True):
        behind = behind or block is not None
        if tensor.requires_grad:
            depth = count - block if block is not None else (0 if behind else count + 1)
            is_embedding = id(tensor) in tables or any(word in name for word in _EMBEDDING_WORDS)
            found.append(
                Parameter(
                    name,
                    tensor,
                    in_block=block is not None,
                    is_embedding=is_embedding and tensor.ndim >= 2,
                    is_vector=tensor.ndim < 2 or any(word in name for word in _FACTORS),
                    depth=depth,
                )
            )
    return found


def grouped(
    parameters: Iterable[Parameter],
    *,
    weight_decay: float,
    decay_embeddings: bool,
    layer_decay: float,
    scale: float = 1.0,
) -> list[ParameterGroup]:
    """Groups as torch's optimisers take them; ``rate`` is a group's share of the learning rate."""
    groups: dict[tuple[float, float], list[tuple[str, torch.Tensor]]] = defaultdict(list)
    for parameter in parameters:
        decayed = not parameter.is_vector and (decay_embeddings or not parameter.is_embedding)
        key = (weight_decay if decayed else 0.0, scale * layer_decay**parameter.depth)
        groups[key].append((parameter.name, parameter.tensor))
    return [
        {"params": params, "weight_decay": decay, "rate": rate} for (decay, rate), params in groups.items()
    ]
