"""Small networks named as `transformers` names them."""

from collections.abc import Mapping

import torch
from torch import nn

from core.objectives.base import NamedParameters, Objective


class Network(Objective):
    """Embeddings, two blocks, a norm and a head, named as `transformers` names them."""

    def __init__(self, blocks: int = 2) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embedding = nn.Embedding(10, 8)
        self.layer = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.GELU()) for _ in range(blocks))
        self.norm = nn.LayerNorm(8)
        self.head = nn.Linear(8, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        hidden = self.embedding(ids)
        for block in self.layer:
            hidden = hidden + block(hidden)
        output: torch.Tensor = self.head(self.norm(hidden))
        return output


Network.__abstractmethods__ = frozenset()  # type: ignore[attr-defined] # nothing here reads data or writes files


class Pair(Network):
    """Two networks with an optimiser each, as a generator and its discriminator."""

    def __init__(self) -> None:
        super().__init__()
        self.other = Network()

    def forward(self, ids: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return super().forward(ids) * self.other(ids)

    def optimizers(self) -> Mapping[str, NamedParameters]:
        named = list(self.named_parameters())
        return {
            "generator": [pair for pair in named if not pair[0].startswith("other.")],
            "discriminator": [pair for pair in named if pair[0].startswith("other.")],
        }
