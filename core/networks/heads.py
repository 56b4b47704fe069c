"""Heads on top of an encoder: the projections of SimCLR, DINO and BYOL, which are dropped afterwards; classes of a classifier."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.networks.batch_norm import share_batch_norms

UNNAMED = ("LABEL_0", "LABEL_1")
"""The classes of a network whose configuration names none: `transformers` writes all names but these, its default."""


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


def named_classes(directory: Path) -> tuple[str, ...]:
    """The names of the classes of a network of `transformers` in a directory, in the order of its outputs; () if it names none.

    Raises:
        OSError, ValueError: its configuration cannot be read.
    """
    named = json.loads((directory / "config.json").read_bytes()).get("id2label") or {}
    return tuple(named[number] for number in sorted(named, key=int))


def output_layer(model: nn.Module, body: nn.Module) -> nn.Linear:
    """The layer of a classifier with one output for each class: the last linear layer outside of the encoder.

    Args:
        body: The encoder's module in ``model``.
    """
    inside = set(map(id, body.modules()))
    *_, last = (one for one in model.modules() if isinstance(one, nn.Linear) and id(one) not in inside)
    return last


@contextmanager
def narrowed(model: Any, layer: nn.Linear, classes: int) -> Iterator[None]:
    """Have a classifier know only its first classes within the context, so that weights of a network with these classes fit.

    Afterwards the outputs of the further classes have the weights that they had before, and parameters are new objects.

    Args:
        model: A classifier of `transformers`, with the names of its classes.
        layer: Its `output_layer`.
        classes: How many it knows within the context.
    """
    names = [model.config.id2label[number] for number in sorted(model.config.id2label)]
    further = {name: values.detach()[classes:].clone() for name, values in layer.named_parameters()}
    _set_outputs(
        layer, {name: values.detach()[:classes].clone() for name, values in layer.named_parameters()}
    )
    name_classes(model.config, names[:classes])
    try:
        yield
    finally:
        _set_outputs(
            layer,
            {name: torch.cat([values.detach(), further[name]]) for name, values in layer.named_parameters()},
        )
        name_classes(model.config, names)


def _set_outputs(layer: nn.Linear, values: Mapping[str, Tensor]) -> None:
    """Give a layer other weights, and as many outputs as they have rows."""
    for name, tensor in values.items():
        trained = layer.get_parameter(name).requires_grad
        setattr(layer, name, nn.Parameter(tensor, requires_grad=trained))
    layer.out_features = len(layer.weight)
