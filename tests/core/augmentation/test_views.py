"""Each operation compared with a slow reference on a single sample; and a sample's views do not depend on the batch."""

import colorsys
import math
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps

from core.augmentation import Views, draw_views, quarter_turns, to_float, views
from core.augmentation.blur import blur
from core.augmentation.color import brighten, change_contrast, gray, jitter, saturate, solarize, turn_hue
from core.augmentation.resample import resized_crops
from core.augmentation.rotation import rotate
from core.spec.augmentation import AugmentationSpec, dino, simclr

EVERYTHING = AugmentationSpec(
    rotation_degrees=20, quarter_turns=True, blur_probability=0.5, solarize_probability=0.3
)
OFF: dict[str, Any] = {
    "crop_min_area": 1.0,
    "flip_probability": 0.0,
    "jitter_probability": 0.0,
    "grayscale_probability": 0.0,
}


def stored(count: int, height: int, width: int, channels: int = 3) -> torch.Tensor:
    pixels = np.random.default_rng(count).integers(0, 256, (count, height, width, channels), dtype=np.uint8)
    return torch.from_numpy(pixels)


def values(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(3))


def by(*numbers: float) -> torch.Tensor:
    return torch.tensor(numbers)[:, None, None, None]


def triangle(image: NDArray[np.float64], start: float, length: float, size: int) -> NDArray[np.float64]:
    """The crop ``start`` to ``start + length`` of each column, resampled pixel by pixel."""
    out = np.zeros((size, *image.shape[1:]))
    scale = length / size
    for target in range(size):
        centre, total = start + (target + 0.5) * scale, 0.0
        for source in range(len(image)):
            touches = source + 1 > start and source < start + length
            weight = max(0.0, 1 - abs(source + 0.5 - centre) / max(scale, 1.0)) if touches else 0.0
            out[target] += weight * image[source]
            total += weight
        out[target] /= total
    return out


@pytest.mark.parametrize(
    ("height", "width", "size", "box"),
    [
        (9, 13, (5, 6), (0.0, 0.0, 9.0, 13.0)),
        (9, 13, (7, 7), (1.3, 2.6, 5.2, 7.9)),
        (8, 8, (16, 12), (2.9, 3.0, 1.7, 2.5)),
        (33, 31, (8, 9), (0.4, 0.0, 31.0, 30.9)),
        (8, 8, (8, 8), (0.0, 7.25, 0.75, 0.75)),
    ],
)
def test_a_crop_is_resampled_with_a_triangle_filter(
    height: int, width: int, size: tuple[int, int], box: tuple[float, float, float, float]
) -> None:
    image = values(2, 3, height, width)
    found = resized_crops(image, torch.tensor([box, box]), size, torch.tensor([False, True]))
    plain = image[0].double().permute(1, 2, 0).numpy()
    rows = triangle(plain, box[0], box[2], size[0])
    wanted = triangle(rows.transpose(1, 0, 2), box[1], box[3], size[1]).transpose(2, 1, 0)
    assert np.allclose(found[0].numpy(), wanted, atol=1e-5)
    other = image[1].double().permute(1, 2, 0).numpy()
    mirrored = triangle(triangle(other, box[0], box[2], size[0]).transpose(1, 0, 2), box[1], box[3], size[1])
    assert np.allclose(found[1].numpy(), mirrored.transpose(2, 1, 0)[:, :, ::-1], atol=1e-5)


def test_a_whole_image_shrinks_as_pillow_shrinks_it() -> None:
    pixels = stored(1, 40, 56)
    found = resized_crops(to_float(pixels), torch.tensor([[0.0, 0.0, 40.0, 56.0]]), (16, 20))
    pillow = Image.fromarray(pixels[0].numpy()).resize((20, 16), Image.Resampling.BILINEAR)
    # Pillow rounds to whole values after each of its two passes.
    assert np.allclose(255 * found[0].permute(1, 2, 0).numpy(), np.asarray(pillow), atol=1.01)


def test_the_whole_image_at_its_own_size_is_left_as_it_is() -> None:
    images = stored(3, 9, 12)
    spec = AugmentationSpec(**OFF)
    parameters = draw_views(spec, np.arange(3), 1, (9, 12))
    assert torch.equal(views(images, parameters, spec), to_float(images))


def test_colours_equal_the_slow_reference() -> None:
    image = values(1, 3, 5, 7)
    pixels = image[0].double().permute(1, 2, 0).numpy()
    luma = pixels @ np.array([0.299, 0.587, 0.114])

    def same(found: torch.Tensor, wanted: NDArray[np.float64], atol: float = 1e-5) -> bool:
        return np.allclose(found[0].permute(1, 2, 0).numpy(), np.clip(wanted, 0, 1), atol=atol)

    assert same(gray(image), luma[..., None])
    assert same(brighten(image, by(1.4)), pixels * 1.4)
    # The mean is summed in steps of 2^-16.
    assert same(change_contrast(image, by(0.6)), 0.6 * pixels + 0.4 * luma.mean(), 2e-5)
    assert same(saturate(image, by(1.3)), 1.3 * pixels - 0.3 * luma[..., None])

    def turned(pixel: NDArray[np.float64], turn: float) -> tuple[float, float, float]:
        hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
        return colorsys.hsv_to_rgb((hue + turn) % 1.0, saturation, value)

    for turn in (-0.5, -0.1, 0.0, 0.27):
        wanted = np.array([[turned(pixel, turn) for pixel in row] for row in pixels])
        assert same(turn_hue(image, torch.tensor([turn])[:, None, None]), wanted)
    flat = torch.full((1, 3, 2, 2), 0.25)
    assert torch.equal(turn_hue(flat, torch.tensor([0.3])[:, None, None]), flat)

    one_after_the_other = turn_hue(
        saturate(change_contrast(brighten(image, by(1.2)), by(0.7)), by(1.3)),
        torch.tensor([0.1])[:, None, None],
    )
    assert torch.equal(jitter(image, torch.tensor([[1.2, 0.7, 1.3, 0.1]])), one_after_the_other)
    assert torch.equal(
        jitter(image, torch.tensor([[1.0, 1.0, 1.0, 0.0]])).mul(255).round(), image.mul(255).round()
    )


def test_solarising_as_pillow_does_it() -> None:
    pixels = stored(2, 6, 6)
    found = solarize(to_float(pixels), torch.tensor([True, False]), 128 / 255)
    wanted = ImageOps.solarize(Image.fromarray(pixels[0].numpy()), 128)
    assert np.array_equal(found[0].mul(255).round().permute(1, 2, 0).numpy(), np.asarray(wanted, np.float32))
    assert torch.equal(found[1], to_float(pixels)[1])


@pytest.mark.parametrize(("height", "width", "channels"), [(11, 9, 3), (8, 8, 1), (40, 24, 3)])
def test_blur_equals_the_slow_reference(height: int, width: int, channels: int) -> None:
    spec = AugmentationSpec(blur_probability=1.0, blur_min_sigma=0.7, blur_max_sigma=1.7)
    kernel = draw_views(spec, np.arange(2), 4, (height, width), size=48)["blur"]
    assert kernel.shape == (2, 3)
    assert torch.allclose(kernel[:, 0] + 2 * kernel[:, 1:].sum(1), torch.ones(2))
    image = values(2, channels, height, width)
    found = blur(image, kernel)
    whole = torch.cat([kernel.flip(1), kernel[:, 1:]], 1).double().numpy()
    for number in range(2):
        padded = np.pad(image[number].double().numpy(), ((0, 0), (2, 2), (2, 2)), mode="reflect")
        for row in range(height):
            for column in range(width):
                window = padded[:, row : row + 5, column : column + 5]
                wanted = np.einsum("cij,i,j->c", window, whole[number], whole[number])
                assert np.allclose(found[number, :, row, column], wanted, atol=1e-5)


def test_quarter_turns_are_exact() -> None:
    image = values(4, 3, 5, 5)
    found = quarter_turns(image, torch.arange(4))
    for turns in range(4):
        assert torch.equal(found[turns], torch.rot90(image[turns], turns, (1, 2)))
    with pytest.raises(ValueError, match="square"):
        quarter_turns(values(1, 3, 4, 5), torch.zeros(1, dtype=torch.long))


def test_small_angles_turn_as_pillow_turns() -> None:
    ramp = np.linspace(40, 200, 31 * 45).reshape(31, 45)
    image = torch.from_numpy(ramp / 255).float()[None, None]
    angle = math.radians(12)
    found = rotate(image, torch.tensor([[math.cos(angle), math.sin(angle)]]))[0, 0].numpy() * 255
    pillow = Image.fromarray(ramp.astype(np.float32)).rotate(12, Image.Resampling.BILINEAR)
    middle = (slice(8, -8), slice(8, -8))
    assert np.allclose(found[middle], np.asarray(pillow)[middle], atol=0.05)
    assert torch.allclose(rotate(image, torch.tensor([[1.0, 0.0]])), image, atol=1e-5)


@pytest.mark.parametrize("spec", [simclr(32), simclr(224), EVERYTHING, *dino(32)])
@pytest.mark.parametrize(("size", "channels"), [(17, 3), (32, 1)])
def test_views_do_not_depend_on_how_a_batch_is_split(
    spec: AugmentationSpec, size: int, channels: int
) -> None:
    images, samples, key = stored(13, size, size, channels), np.arange(100, 113), 5
    module = Views(spec, [0.4] * channels, [0.2] * channels, size=12)

    def made(chosen: NDArray[np.int64]) -> torch.Tensor:
        parameters = draw_views(spec, samples[chosen], key, (size, size), size=12, count=2)
        return module(images[chosen], parameters).unflatten(0, (2, len(chosen)))

    whole = made(np.arange(13))
    assert whole.shape == (2, 13, channels, 12, 12)
    assert torch.isfinite(whole).all()
    for length in (1, 4):
        parts = [made(np.arange(start, min(13, start + length))) for start in range(0, 13, length)]
        assert torch.equal(torch.cat(parts, 1), whole)
    assert not torch.equal(whole[0], whole[1])


def test_views_are_numbered() -> None:
    samples, spec = np.arange(6), simclr(32)
    three = draw_views(spec, samples, 8, (32, 32), count=3)
    third = draw_views(spec, samples, 8, (32, 32), first=2)
    assert all(torch.equal(three[name][12:], third[name]) for name in three)
    assert not torch.equal(three["box"][:6], draw_views(spec, samples, 9, (32, 32))["box"])


def test_crops_are_inside_the_image_with_the_given_areas_and_aspect_ratios() -> None:
    spec = AugmentationSpec(crop_min_area=0.2, crop_max_area=0.5, crop_max_ratio=1.2)
    top, left, height, width = draw_views(spec, np.arange(4000), 2, (40, 60))["box"].double().unbind(1)
    assert (top >= 0).all()
    assert (left >= 0).all()
    assert (top + height <= 40 + 1e-4).all()
    assert (left + width <= 60 + 1e-4).all()
    share = height * width / 2400
    assert share.min() > 0.2 - 1e-4
    assert share.max() < 0.5 + 1e-4
    assert share.mean().item() == pytest.approx(0.35, abs=0.01)
    ratio = (width / height).log() / math.log(1.2)
    assert ratio.abs().max() < 1 + 1e-4
    assert ratio.mean().item() == pytest.approx(0.0, abs=0.05)
    # Wide and low: no crop of this shape fits, so the largest crop in the centre is taken.
    box = draw_views(AugmentationSpec(crop_min_area=0.9), np.arange(5), 2, (10, 100))["box"]
    assert torch.allclose(box, torch.tensor([0.0, 50 - 20 / 3, 10.0, 40 / 3]).expand(5, 4))


def test_probabilities_are_as_specified() -> None:
    spec = AugmentationSpec(
        flip_probability=0.3, grayscale_probability=0.1, solarize_probability=0.2, quarter_turns=True
    )
    drawn = draw_views(spec, np.arange(20000), 2, (8, 8))
    assert drawn["flip"].float().mean().item() == pytest.approx(0.3, abs=0.02)
    assert drawn["gray"].float().mean().item() == pytest.approx(0.1, abs=0.02)
    assert drawn["solarize"].float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert torch.bincount(drawn["turns"]).tolist() == pytest.approx([5000] * 4, abs=250)
    unchanged = (drawn["jitter"] == torch.tensor([1.0, 1.0, 1.0, 0.0])).all(1)
    assert unchanged.float().mean().item() == pytest.approx(0.2, abs=0.02)


def test_no_state_goes_into_a_checkpoint() -> None:
    assert not Views(simclr(32), [0.5] * 3, [0.0, 0.1, 0.2]).state_dict()
