"""The preprocessors of uploaded networks of images and audio: what of their settings is computed here, and which are refused.

An image is cut to its largest centred square and resampled to the network's size by this project's own preparation; of the
preprocessor the mean and the standard deviation are used. Of audio its sampling rate, and the normalisation of the input.
"""

import math
from collections.abc import Mapping
from typing import Any

from core.formats.errors import FormatError
from core.formats.published.names import PREPROCESSOR

Document = Mapping[str, Any]

_RESCALING = 1 / 255
_LARGEST = 1e6
"""Magnitude of a mean or a deviation, at most."""
_MEAN, _DEVIATION = -4.2677393, 4.5689974
"""Of the spectrograms that ASTFeatureExtractor is for, its defaults."""


def image_statistics(document: Document, channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, of pixels in 0 … 1, that an image's preprocessor normalises by.

    Raises:
        FormatError: ``checkpoint_misfit`` if they are missing.
    """
    if not document.get("do_normalize", True):
        return (0.0,) * channels, (1.0,) * channels
    return _numbers(document, "image_mean", channels), _numbers(document, "image_std", channels)


def spectrogram_statistics(document: Document) -> tuple[float, float]:
    """Mean, and half of the divisor, by which an extractor of spectrograms normalises."""
    if not document.get("do_normalize", True):
        return 0.0, 0.5
    return float(document.get("mean", _MEAN)), float(document.get("std", _DEVIATION))


def normalizes_waves(document: Document) -> bool:
    """Whether an extractor of waveforms gives each recording mean 0 and variance 1."""
    return bool(document.get("do_normalize", True))


def image_side(document: Document) -> int | None:
    """Height and width of the images that a preprocessor makes; None where it does not resize them.

    Raises:
        FormatError: ``checkpoint_unsupported`` if they are not square.
    """
    size = document.get("size")
    if document.get("do_center_crop"):
        size = document.get("crop_size", size)
    if isinstance(size, Mapping):
        sides = [size[name] for name in ("height", "width", "shortest_edge") if size.get(name) is not None]
        size = sides[0] if sides and sides.count(sides[0]) == len(sides) else sides
    if size is None:
        return None
    if isinstance(size, bool) or not isinstance(size, int) or size < 1:
        raise _unsupported("size", document.get("size"), "squares, such as 224 or height and width of 224")
    return size


def check_image(document: Document, channels: int) -> None:
    """Check that the settings of a preprocessor of images can be computed here.

    Raises:
        FormatError: ``checkpoint_unsupported``, naming the setting; ``checkpoint_misfit``.
    """
    kind = document.get("image_processor_type", document.get("feature_extractor_type", "ViTImageProcessor"))
    if not isinstance(kind, str) or ("Image" not in kind and "ViT" not in kind and "ConvNext" not in kind):
        raise _unsupported(
            "image_processor_type", kind, "ViTImageProcessor, ConvNextImageProcessor and the like"
        )
    image_side(document)
    if document.get("do_rescale", True) is not True:
        raise _unsupported("do_rescale", document.get("do_rescale"), "true: pixels are scaled to 0 … 1")
    factor = document.get("rescale_factor", _RESCALING)
    if not isinstance(factor, float) or not abs(factor - _RESCALING) <= 1e-9:
        raise _unsupported("rescale_factor", factor, "1/255: pixels are scaled to 0 … 1")
    if document.get("do_pad"):
        raise _unsupported("do_pad", True, "false: images are squares")
    mean, deviation = image_statistics(document, channels)
    if any(not abs(value) < _LARGEST for value in mean):
        raise _unsupported("image_mean", list(mean), "means below a million")
    if any(not 1e-3 <= value < _LARGEST for value in deviation):
        raise _unsupported("image_std", list(deviation), "deviations from 0.001 to a million")


def check_audio(document: Document, *, spectrograms: bool) -> int:
    """Check that the settings of an extractor of audio can be computed here; returns its sampling rate.

    Raises:
        FormatError: ``checkpoint_unsupported``, naming the setting; ``checkpoint_misfit``.
    """
    expected = "ASTFeatureExtractor" if spectrograms else "Wav2Vec2FeatureExtractor"
    kind = document.get("feature_extractor_type", expected)
    if kind != expected:
        raise _unsupported("feature_extractor_type", kind, expected)
    if document.get("feature_size", 1) != 1:
        raise _unsupported("feature_size", document.get("feature_size"), "1: recordings have one channel")
    if document.get("padding_value", 0.0) != 0.0:
        raise _unsupported("padding_value", document.get("padding_value"), "0")
    if not isinstance(document.get("do_normalize", True), bool):
        raise _unsupported("do_normalize", document.get("do_normalize"), "true, false")
    if spectrograms:
        mean, deviation = document.get("mean", _MEAN), document.get("std", _DEVIATION)
        if (
            not all(isinstance(value, int | float) and abs(value) < _LARGEST for value in (mean, deviation))
            or deviation <= 0
        ):
            raise _unsupported("std", deviation, "a deviation above 0")
    rate = document.get("sampling_rate", 16_000)
    if isinstance(rate, bool) or not isinstance(rate, int) or rate < 1:
        raise _unsupported("sampling_rate", rate, "a whole number of samples a second")
    return rate


def _numbers(document: Document, name: str, count: int) -> tuple[float, ...]:
    values = document.get(name)
    if isinstance(values, int | float) and not isinstance(values, bool):
        values = [values] * count
    if (
        not isinstance(values, list)
        or len(values) != count
        or any(isinstance(value, bool) or not isinstance(value, int | float) for value in values)
    ):
        raise FormatError(
            "checkpoint_misfit",
            f"{name} is no list of {count} numbers, one for each channel of the network's images",
            PREPROCESSOR,
            case="no_channel_values",
            name=name,
            channels=count,
        )
    # An integer of JSON may be larger than any float.
    return tuple(float(value) if abs(value) < _LARGEST else math.inf for value in values)


def _unsupported(name: str, value: object, known: str) -> FormatError:
    shown = str(value)[:60]
    return FormatError(
        "checkpoint_unsupported",
        f"{name} is {shown!r}, which is not supported here; supported: {known}",
        PREPROCESSOR,
        case="setting",
        name=name,
        shown=shown,
        known=known,
    )
