"""Lab conversion against plain arithmetic, one colour at a time, and against published values."""

import pytest
import torch

from core.tasks.colorization.lab import lab_to_rgb, rgb_to_lab


def reference(red: float, green: float, blue: float) -> tuple[float, float, float]:
    """CIE 15 and IEC 61966-2-1, by hand."""

    def linear(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    r, g, b = linear(red), linear(green), linear(blue)
    x = (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047
    y = 0.2126729 * r + 0.7151522 * g + 0.0721750 * b
    z = (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883

    def bent(value: float) -> float:
        return value ** (1 / 3) if value > 216 / 24389 else (24389 / 27 * value + 16) / 116

    return 116 * bent(y) - 16, 500 * (bent(x) - bent(y)), 200 * (bent(y) - bent(z))


def image(*colours: tuple[float, ...]) -> torch.Tensor:
    return torch.tensor(colours, dtype=torch.float64).T[None, :, None, :]


@pytest.mark.parametrize(
    ("rgb", "lab"),
    [  # Bruce Lindbloom's calculator, sRGB, D65
        ((1, 0, 0), (53.2408, 80.0925, 67.2032)),
        ((0, 1, 0), (87.7347, -86.1827, 83.1793)),
        ((0, 0, 1), (32.2970, 79.1875, -107.8602)),
        ((1, 1, 1), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
    ],
)
def test_the_corners_of_the_gamut_have_their_published_values(
    rgb: tuple[float, ...], lab: tuple[float, ...]
) -> None:
    torch.testing.assert_close(rgb_to_lab(image(rgb)), image(lab), atol=2e-3, rtol=0)


def test_every_pixel_equals_the_direct_computation() -> None:
    colours = torch.rand(50, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    colours[:10] *= 0.03  # the dark, linear parts of both curves
    expected = image(*(reference(*colour) for colour in colours.tolist()))
    torch.testing.assert_close(rgb_to_lab(colours.T[None, :, None, :]), expected, atol=1e-3, rtol=0)


def test_the_conversion_is_inverted() -> None:
    colours = torch.rand(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(colours)), colours, atol=1e-5, rtol=0)


def test_colours_outside_the_gamut_are_clipped() -> None:
    rgb = lab_to_rgb(image((50, 120, 0), (0, 0, 0), (110, 0, 0)))
    assert rgb.isfinite().all()
    assert rgb.min() == 0
    assert 1 - 1e-9 < rgb.max() <= 1


def test_autocast_changes_no_colour() -> None:
    rgb = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        lab = rgb_to_lab(rgb)
        back = lab_to_rgb(lab)
    assert torch.equal(lab, rgb_to_lab(rgb))
    assert torch.equal(back, lab_to_rgb(lab))
