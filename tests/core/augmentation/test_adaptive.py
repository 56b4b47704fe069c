"""Adaptive augmentation compared with plain loops over one image at a time."""

import math

import numpy as np
import pytest
import torch

from core.augmentation.adaptive import DRAWN, augment, draw
from core.randomness import derive_seed

KEY = derive_seed(0, "test")


def pictures(batch: int, channels: int, side: int) -> torch.Tensor:
    return torch.rand(batch, channels, side, side, generator=torch.Generator().manual_seed(side)) * 2 - 1


def mirrored(place: float, side: int) -> float:
    """A coordinate reflected into 0 … side - 1."""
    while side > 1 and not 0 <= place <= side - 1:
        place = -place if place < 0 else 2 * (side - 1) - place
    return place if side > 1 else 0.0


def slow(image: torch.Tensor, numbers: list[float], probability: float) -> torch.Tensor:
    """One image, one transformation after the other, one pixel at a time. Axes by coordinates, colours by vectors."""
    side = image.shape[-1]
    chance, flat, bell = numbers[:11], numbers[11:17], numbers[17:]
    happens = [value < probability for value in chance]
    quarters = int(flat[1] * 4) if happens[1] else 0
    image = torch.rot90(image, quarters, dims=(1, 2))
    if happens[0] and flat[0] < 0.5:
        image = image.flip(2)
    scale_y = scale_x = 1.0
    shift = [0.0, 0.0]
    if happens[2]:
        shift = [float(np.rint(np.float32((value * 2 - 1) * 0.125 * side))) for value in flat[2:4]]
    if happens[3]:
        scale_y *= 2 ** (0.2 * bell[0])
        scale_x *= 2 ** (0.2 * bell[0])
    if happens[4]:
        scale_y /= 2 ** (0.2 * bell[1])
        scale_x *= 2 ** (0.2 * bell[1])
    if happens[5]:
        shift = [one + value * 0.125 * side for one, value in zip(shift, bell[2:4], strict=True)]
    middle = (side - 1) / 2
    result = torch.zeros_like(image)
    for y in range(side):
        for x in range(side):
            from_y = mirrored((y - middle - shift[0]) / scale_y + middle, side)
            from_x = mirrored((x - middle - shift[1]) / scale_x + middle, side)
            top, left = min(int(from_y), side - 1), min(int(from_x), side - 1)
            bottom, right = min(top + 1, side - 1), min(left + 1, side - 1)
            down, across = from_y - top, from_x - left
            upper = image[:, top, left] * (1 - across) + image[:, top, right] * across
            lower = image[:, bottom, left] * (1 - across) + image[:, bottom, right] * across
            result[:, y, x] = recoloured(upper * (1 - down) + lower * down, happens[6:], flat[4:], bell[4:])
    return result


def recoloured(
    pixel: torch.Tensor, happens: list[bool], flat: list[float], bell: list[float]
) -> torch.Tensor:
    if happens[0]:
        pixel = pixel + 0.2 * bell[0]
    if happens[1]:
        pixel = pixel * 2 ** (0.5 * bell[1])
    grey = pixel.mean().expand_as(pixel)
    colour = pixel - grey
    if happens[2] and flat[0] < 0.5:
        grey = -grey
    if len(pixel) == 3:
        if happens[3]:
            angle = (flat[1] * 2 - 1) * math.pi
            axis = torch.ones(3) / math.sqrt(3)
            colour = colour * math.cos(angle) + torch.linalg.cross(axis, colour) * math.sin(
                angle
            )  # Rodrigues' rotation formula
        if happens[4]:
            colour = colour * 2 ** bell[2]
    return grey + colour


@pytest.mark.parametrize(("channels", "side"), [(3, 8), (1, 7), (3, 1)])
@pytest.mark.parametrize("probability", [0.3, 0.95])
def test_every_image_equals_the_slow_reference(channels: int, side: int, probability: float) -> None:
    images = pictures(12, channels, side)
    drawn = draw(KEY, np.arange(12))
    assert drawn.shape == (12, DRAWN)
    fast = augment(images, drawn, torch.tensor(probability))
    by_hand = [slow(*pair, probability) for pair in zip(images, drawn.tolist(), strict=True)]
    torch.testing.assert_close(fast, torch.stack(by_hand), atol=2e-4, rtol=1e-3)


def test_nothing_happens_with_probability_zero() -> None:
    images = pictures(4, 3, 9)
    torch.testing.assert_close(augment(images, draw(KEY, np.arange(4)), torch.tensor(0.0)), images)


def test_the_share_of_changed_images_matches_the_probability() -> None:
    images = pictures(1, 3, 8).expand(400, -1, -1, -1)
    changed = augment(images, draw(KEY, np.arange(400)), torch.tensor(0.02))
    share = (changed - images).abs().amax(dim=(1, 2, 3)).gt(1e-5).float().mean().item()
    # Eleven transformations, of which two change nothing in 1/2 or 1/4 of the cases.
    assert 0.1 < share < 1 - 0.98**11 + 0.05


def test_gradients_flow_through() -> None:
    images = pictures(3, 3, 5).double().requires_grad_()
    drawn = draw(KEY, np.arange(3)).double()
    probability = torch.tensor(0.8, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: augment(x, drawn, probability), images)


def test_random_numbers_of_an_image_do_not_depend_on_its_batch() -> None:
    assert torch.equal(draw(KEY, np.arange(5))[3:4], draw(KEY, np.array([3])))
    assert not torch.equal(draw(KEY, np.array([3])), draw(KEY + 1, np.array([3])))
