"""Draws the parameters of each view of each sample, in numpy, from only (key, sample, view)."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.randomness import derive_seed, uniforms
from core.spec.augmentation import AugmentationSpec

_ATTEMPTS = 10
"""Attempts to draw a crop inside the image, as in torchvision. If all fail, the largest allowed crop is taken from the centre."""
_STREAMS = 2 * _ATTEMPTS + 14


def draw_views(
    spec: AugmentationSpec,
    samples: NDArray[np.int64],
    key: int,
    shape: tuple[int, int],
    *,
    size: int | None = None,
    first: int = 0,
    count: int = 1,
) -> dict[str, Tensor]:
    """The parameters of views ``first`` to ``first + count - 1`` of each sample.

    Args:
        spec: The transformations, with their probabilities and strengths.
        samples: Sample ids, shape (B,).
        key: A seed for the step.
        shape: Height and width of the stored images.
        size: Height and width of the views; by default those of the stored images.
        first: Number of the first view. Calls with the same key and different numbers draw different views.
        count: Views of each sample, V.

    Returns:
        The arguments of `views` by name. The first dimension of each is V * B, view by view. Parameters of transformations
        that ``spec`` excludes are absent.
    """
    drawn = [
        _draw(spec, samples, derive_seed(key, "view", view), shape, size)
        for view in range(first, first + count)
    ]
    return {name: torch.from_numpy(np.concatenate([one[name] for one in drawn])) for name in drawn[0]}


def _draw(
    spec: AugmentationSpec,
    samples: NDArray[np.int64],
    key: int,
    shape: tuple[int, int],
    size: int | None,
) -> dict[str, NDArray[np.generic]]:
    u = uniforms(key, samples, 1, _STREAMS)[:, :, 0]
    crop, u = u[: 2 * _ATTEMPTS], u[2 * _ATTEMPTS :]
    found: dict[str, NDArray[np.generic]] = {
        "box": _boxes(spec, crop, u[0], u[1], shape).astype(np.float32),
        "flip": u[2] < spec.flip_probability,
    }
    if spec.quarter_turns:
        found["turns"] = (4 * u[3]).astype(np.int64)
    if spec.rotation_degrees:
        angle = np.deg2rad(spec.rotation_degrees) * (2 * u[4] - 1)
        found["rotation"] = np.stack([np.cos(angle), np.sin(angle)], 1).astype(np.float32)
    if spec.jitter_probability:
        found["jitter"] = _jitter(spec, u[5], u[6:10]).astype(np.float32)
    if spec.grayscale_probability:
        found["gray"] = u[10] < spec.grayscale_probability
    if spec.blur_probability:
        sigma = spec.blur_min_sigma + (spec.blur_max_sigma - spec.blur_min_sigma) * u[12]
        found["blur"] = _kernels(sigma, u[11] < spec.blur_probability, size or min(shape)).astype(np.float32)
    if spec.solarize_probability:
        found["solarize"] = u[13] < spec.solarize_probability
    return found


def _boxes(
    spec: AugmentationSpec,
    crop: NDArray[np.float64],
    across: NDArray[np.float64],
    down: NDArray[np.float64],
    shape: tuple[int, int],
) -> NDArray[np.float64]:
    """Top, left, height and width in pixels, as real numbers: (B, 4). Inception's random crop (arXiv 1409.4842)."""
    height, width = shape
    area = (
        height * width * (spec.crop_min_area + (spec.crop_max_area - spec.crop_min_area) * crop[:_ATTEMPTS])
    )
    ratio = np.exp(math.log(spec.crop_max_ratio) * (2 * crop[_ATTEMPTS:] - 1))
    if spec.crop_min_area == 1.0:
        ratio = np.full_like(ratio, width / height)
    wide, high = np.sqrt(area * ratio), np.sqrt(area / ratio)
    fits: NDArray[np.bool_] = (wide <= width * (1 + 1e-12)) & (high <= height * (1 + 1e-12))
    chosen = fits.argmax(axis=0)
    columns = np.arange(crop.shape[1])
    wide, high = np.minimum(wide[chosen, columns], width), np.minimum(high[chosen, columns], height)
    top, left = down * (height - high), across * (width - wide)
    # No attempt fits: the whole image, cropped to the nearest allowed aspect ratio.
    most = spec.crop_max_ratio
    whole_wide, whole_high = min(width, height * most), min(height, width * most)
    whole = [(height - whole_high) / 2, (width - whole_wide) / 2, whole_high, whole_wide]
    return np.where(fits.any(axis=0, keepdims=True).T, np.stack([top, left, high, wide], 1), np.array(whole))


def _jitter(
    spec: AugmentationSpec, whether: NDArray[np.float64], u: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Factors of brightness, contrast and saturation, and the shift of the hue: (B, 4)."""
    strengths = np.array([spec.brightness, spec.contrast, spec.saturation, spec.hue])
    factors = np.array([1.0, 1.0, 1.0, 0.0]) + strengths * (2 * u.T - 1)
    return np.where(whether[:, None] < spec.jitter_probability, factors, [1.0, 1.0, 1.0, 0.0])


def _kernels(sigma: NDArray[np.float64], whether: NDArray[np.bool_], size: int) -> NDArray[np.float64]:
    """One half of a Gaussian kernel of a tenth of ``size``, from the centre on; the whole kernel sums to 1: (B, K)."""
    taps = np.arange(max(1, size // 20) + 1)
    kernel = np.exp(-0.5 * (taps / sigma[:, None]) ** 2)
    kernel /= kernel[:, :1] + 2 * kernel[:, 1:].sum(1, keepdims=True)
    return np.where(whether[:, None], kernel, taps == 0)
