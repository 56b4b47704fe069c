"""Each strength of an augmentation is reached in both directions and never exceeded."""

import numpy as np
import pytest
import torch

from core.augmentation import draw_views, views
from core.spec.augmentation import AugmentationSpec, dino, simclr

MANY = np.arange(6000)
SPEC = AugmentationSpec(
    jitter_probability=1.0,
    brightness=0.3,
    contrast=0.2,
    saturation=0.5,
    hue=0.1,
    rotation_degrees=20.0,
    blur_probability=1.0,
    blur_min_sigma=0.5,
    blur_max_sigma=2.0,
)


def test_colour_changes_cover_their_range_in_both_directions() -> None:
    factors = draw_views(SPEC, MANY, 1, (32, 32))["jitter"].double()
    for column, (middle, strength) in enumerate([(1, 0.3), (1, 0.2), (1, 0.5), (0, 0.1)]):
        found = (factors[:, column] - middle) / strength
        assert -1 - 1e-5 <= found.min() < -0.99
        assert 0.99 < found.max() <= 1 + 1e-5
        assert found.mean().item() == pytest.approx(0, abs=0.03)
        assert found.std().item() == pytest.approx(3**-0.5, abs=0.02), "evenly"
    correlations = np.corrcoef(factors.numpy().T) - np.eye(4)
    assert np.abs(correlations).max() < 0.05, "each by itself"


def test_rotations_cover_their_range_in_both_directions() -> None:
    cos, sin = draw_views(SPEC, MANY, 1, (32, 32))["rotation"].double().unbind(1)
    degrees = np.rad2deg(np.arctan2(sin.numpy(), cos.numpy()))
    assert -20.001 <= degrees.min() < -19.8
    assert 19.8 < degrees.max() <= 20.001
    assert degrees.mean() == pytest.approx(0, abs=0.5)


def test_blur_widths_cover_their_range() -> None:
    kernel = draw_views(SPEC, MANY, 1, (224, 224))["blur"].double().numpy()
    # The ratio of the first two taps of a Gaussian gives its deviation.
    sigma = np.sqrt(-0.5 / np.log(kernel[:, 1] / kernel[:, 0]))
    assert (sigma.min(), sigma.max()) == pytest.approx((0.5, 2.0), abs=0.01)
    assert sigma.mean() == pytest.approx(1.25, abs=0.03)
    assert kernel[:, 0] + 2 * kernel[:, 1:].sum(1) == pytest.approx(np.ones(len(kernel)), abs=1e-6)
    some = draw_views(SPEC.model_copy(update={"blur_probability": 0.3}), MANY, 1, (224, 224))["blur"]
    assert (some[:, 0] < 1).float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_flipping_a_view_gives_its_mirror_image() -> None:
    images = torch.randint(0, 256, (40, 12, 12, 3), dtype=torch.uint8)
    spec = AugmentationSpec(jitter_probability=0.0, grayscale_probability=0.0)
    drawn = draw_views(spec, np.arange(40), 3, (12, 12))
    flip = drawn["flip"]
    assert 0 < flip.sum() < 40
    found = views(images, drawn, spec)
    straight = views(images, drawn | {"flip": torch.zeros_like(flip)}, spec)
    torch.testing.assert_close(found[~flip], straight[~flip])
    torch.testing.assert_close(found[flip], straight[flip].flip(3))


@pytest.mark.parametrize("size", [32, 224])
def test_default_augmentations_equal_those_of_the_papers(size: int) -> None:
    """SimCLR's appendix A and B.9; the two different large views of DINO and BYOL, and small views of smaller parts of the image."""
    one = simclr(size)
    assert (one.crop_min_area, one.jitter_probability, one.grayscale_probability) == (0.08, 0.8, 0.2)
    assert (one.brightness, one.hue) == ((0.4, 0.1) if size == 32 else (0.8, 0.2))
    assert one.blur_probability == (0.0 if size == 32 else 0.5)
    first, second, local = dino(size)
    assert (first.solarize_probability, second.solarize_probability) == (0.0, 0.2)
    assert first.crop_min_area == second.crop_min_area == local.crop_max_area == 0.4
    assert local.crop_min_area < 0.4
    if size == 224:
        assert (first.blur_probability, second.blur_probability, local.blur_probability) == (1.0, 0.1, 0.5)
