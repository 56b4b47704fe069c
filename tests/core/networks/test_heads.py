"""Heads and decoders: shapes, parameter counts, and the properties that define each."""

import pytest
import torch
from torch import nn

from core.networks.decoder import Decoder, doubled
from core.networks.heads import PrototypeHead, projection
from core.spec.decoders import count_decoder, count_projection, count_prototype_head


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_projections_are_counted(layers: int) -> None:
    head = projection(12, 20, 7, layers)
    assert head(torch.randn(2, 12)).shape == (2, 7)
    assert parameters(head) == count_projection(12, 20, 7, layers)
    assert sum(isinstance(module, nn.Linear) for module in head) == layers


def test_prototype_scores_are_cosines() -> None:
    head = PrototypeHead(12, 16, 6, 40)
    features = torch.randn(3, 12)
    scores = head(features)
    points, prototypes = head.perceptron(features), head.prototypes
    for row in range(3):
        for number in range(40):
            cosine = nn.functional.cosine_similarity(points[row], prototypes[number], dim=0)
            assert scores[row, number].item() == pytest.approx(cosine.item(), abs=1e-5)
    assert parameters(head) == count_prototype_head(12, 16, 6, 40)


def test_frozen_prototypes_score_the_same_and_get_no_gradient() -> None:
    head = PrototypeHead(12, 16, 6, 40)
    features = torch.randn(3, 12)
    free, frozen = head(features), head(features, frozen=True)
    assert torch.equal(free, frozen)
    frozen.square().sum().backward()
    assert head.prototypes.grad is not None
    assert not head.prototypes.grad.any()
    assert next(head.perceptron.parameters()).grad.abs().sum() > 0


@pytest.mark.parametrize(("start", "side", "outputs"), [(4, 32, 3), (3, 17, 1), (1, 5, 261), (8, 8, 3)])
def test_decoders_reach_any_image_size(start: int, side: int, outputs: int) -> None:
    decoder = Decoder(40, start, side, outputs)
    assert decoder(torch.randn(1, 40, start, start)).shape == (1, outputs, side, side)
    assert parameters(decoder) == count_decoder(40, start, side, outputs)


def test_an_image_does_not_depend_on_its_batch() -> None:
    decoder = Decoder(16, 2, 8, 3)
    maps = torch.randn(4, 16, 2, 2)
    torch.testing.assert_close(decoder(maps)[1:2], decoder(maps[1:2]))


def test_doubling_repeats() -> None:
    maps = torch.arange(6.0).reshape(1, 1, 2, 3)
    expected = maps.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert torch.equal(doubled(maps), expected)
