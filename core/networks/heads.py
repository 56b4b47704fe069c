"""Heads on top of an encoder: the projections of SimCLR, DINO and BYOL, which are dropped afterwards; names of classes."""

import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.networks.batch_norm import share_batch_norms


def projection(width: int, hidden: int, output: int, layers: int = 2) -> nn.Sequential:
    """A perceptron with batch norm between its layers: the head of SimCLR and BYOL, and BYOL's predictor.

    Chen et al. 2020 (arXiv 2002.05709, section 4.2), Grill et al. 2020 (arXiv 2006.07733, section 3.3).

    Args:
        width: Width of the input features.
        output: Width of the output.
        layers: Number of linear layers. There is no norm after the last.
    """
    widths = [width, *[hidden] * (layers - 1)]
    modules: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        # The batch norm has a bias of its own.
        modules += [nn.Linear(before, after, bias=False), nn.BatchNorm1d(after), nn.ReLU()]
    head = nn.Sequential(*modules, nn.Linear(widths[-1], output))
    share_batch_norms(head)
    return head


class PrototypeHead(nn.Module):
    """DINO's head: a perceptron to a bottleneck, scaled to unit length, and a weight-normalised layer with K outputs.

    Caron et al. 2021 (arXiv 2104.14294, section 3.1 and appendix C). Each row of the last layer has length 1, so that
    scores are cosines between the bottleneck and K prototypes. The perceptron has no batch norm.

    Args:
        width: Width of the input features.
        outputs: K.
    """

    def __init__(self, width: int, hidden: int, bottleneck: int, outputs: int) -> None:
        super().__init__()
        self.perceptron = nn.Sequential(
            nn.Linear(width, hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        self.prototypes = nn.Parameter(torch.empty(outputs, bottleneck))
        nn.init.trunc_normal_(self.prototypes, std=0.02)
        for module in self.perceptron:
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, features: Tensor, *, frozen: bool = False) -> Tensor:
        """Scores, shape (B, K), of features (B, width).

        Args:
            frozen: The gradient of the prototypes is zero.
        """
        points = functional.normalize(self.perceptron(features), dim=-1)
        rows = self.prototypes.detach() + 0.0 * self.prototypes if frozen else self.prototypes
        return functional.linear(points, functional.normalize(rows, dim=-1))


def name_classes(config: Any, classes: Sequence[str]) -> None:
    """Set the names of a configuration's classes, which ``pipeline`` answers with."""
    config.id2label = dict(enumerate(classes))
    config.label2id = {name: number for number, name in enumerate(classes)}
