"""The preprocessor's configuration, as `transformers` reads it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor

from core.networks.vision import save_preprocessor


@pytest.mark.parametrize(
    ("mean", "std"), [((0.5, 0.4, 0.3), (0.2, 0.2, 0.3)), ((0.3,), (0.25,))], ids=["colour", "grey"]
)
def test_a_picture_becomes_normalised_pixels(
    mean: tuple[float, ...], std: tuple[float, ...], tmp_path: Path
) -> None:
    save_preprocessor(tmp_path, image_size=12, mean=mean, std=std)
    pixels = np.random.default_rng(0).integers(0, 256, (12, 12, len(mean)), dtype=np.uint8)
    picture = Image.fromarray(pixels.squeeze())
    found = AutoImageProcessor.from_pretrained(tmp_path)(picture, return_tensors="pt")["pixel_values"]
    expected = (pixels / 255 - np.array(mean)) / np.array(std)
    assert torch.allclose(found[0].double(), torch.from_numpy(expected).permute(2, 0, 1), atol=1e-6)
