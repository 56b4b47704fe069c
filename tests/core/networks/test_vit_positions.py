"""Resized positions of a ViT, compared with the interpolation of `transformers`."""

import pytest
import torch

from core.networks.vit import create_vit, vit_config
from core.networks.vit_positions import crop_features, use_resized_positions
from core.spec.architectures.transformer import TransformerSize

SIZE = TransformerSize(layers=1, hidden_size=16, heads=2, intermediate_size=32)


@pytest.mark.parametrize("side", [8, 16, 24, 32])
def test_values_and_gradients_are_those_of_bicubic_interpolation(side: int) -> None:
    config = vit_config(SIZE, dropout=0.0, image_size=16, patch_size=4, channels=3)
    ours, theirs = create_vit(config, 0).eval(), create_vit(config, 0).eval()
    use_resized_positions(ours)
    pixels = torch.randn(2, 3, side, side)
    found = crop_features(ours, pixels, "cls")
    expected = theirs(pixel_values=pixels, interpolate_pos_encoding=True).last_hidden_state[:, 0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)
    found.square().sum().backward()
    expected.square().sum().backward()
    torch.testing.assert_close(
        ours.embeddings.position_embeddings.grad,
        theirs.embeddings.position_embeddings.grad,
        atol=1e-4,
        rtol=1e-3,
    )
