"""Decodes images to pixels of 8 bits a channel in upright orientation. Their size is checked before they are decoded."""

import io
import threading
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from core.formats.errors import FormatError
from core.formats.image.images import RawImage
from core.formats.image.shrinking import centred_square
from core.formats.limits import IMAGE_LIMITS, Limits, PixelBudget

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF")
# Sizes are checked below, before anything is decoded. Pillow's own check is a warning for the whole process.
Image.MAX_IMAGE_PIXELS = None

_SIXTEEN_BITS = 65_535
_LARGE = 16_000_000
_large_image_lock = threading.Lock()
"""Held while a large image is decoded: one at a time, so that memory does not grow with the number of threads."""


@dataclass(frozen=True)
class Decoded:
    """A decoded image, cropped and resampled."""

    pixels: NDArray[np.uint8]
    """Shape (size, size, channels)."""
    width: int
    """Width of the original image in upright orientation, pixels."""
    height: int
    grey: bool
    """Whether it was stored without colour."""


def decode_image(
    raw: RawImage,
    size: int,
    channels: int,
    *,
    limits: Limits = IMAGE_LIMITS,
    budget: PixelBudget | None = None,
) -> Decoded:
    """The largest centred square of an image, resampled (bicubic, antialiased) to ``size`` by ``size`` pixels.

    The EXIF orientation is applied. Of an animation the first frame is used, of a TIFF the first page. CMYK and palettes are
    converted to RGB, 16 bits to 8. Transparent pixels are blended with white. An image of exactly ``size`` by ``size`` is not
    resampled.

    Args:
        budget: The limit on the pixels of all images of the file.

    Raises:
        FormatError: ``bad_image``, ``image_too_large``, ``image_too_small``, with the file's name; ``archive_bomb``, from the
            budget.
    """
    place = raw.place
    try:
        image = _opened(raw, limits)
        if budget is not None:
            budget.spend(image.width * image.height, place)
        if image.width * image.height > _LARGE:
            with _large_image_lock:
                return _decoded(image, size, channels)
        return _decoded(image, size, channels)
    except FormatError:
        raise
    except MemoryError:
        raise
    except UnidentifiedImageError:
        raise place.error(
            "bad_image",
            "cannot be decoded (its content is of no known image format); save it again, or remove it",
            case="unknown_format",
        ) from None
    # Pillow's decoders raise many types: OSError, SyntaxError, ValueError, struct.error, ZeroDivisionError.
    except Exception as error:  # noqa: BLE001 - see above; the file is not trusted
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise place.error(
            "bad_image",
            f"cannot be decoded ({what}); save it again, or remove it",
            case="unreadable",
            error=what,
        ) from None


def _opened(raw: RawImage, limits: Limits) -> Image.Image:
    image: Image.Image
    if isinstance(raw.content, bytes):
        image = Image.open(io.BytesIO(raw.content), formats=_FORMATS)
    else:
        image = Image.fromarray(raw.content.squeeze(-1) if raw.content.shape[2:] == (1,) else raw.content)
    width, height = image.size
    if width * height > limits.image_pixels:
        raise raw.place.error(
            "image_too_large",
            f"is {width:,} by {height:,} pixels, {limits.image_pixels:,} at most; make it smaller",
            case="pixels",
            width=width,
            height=height,
            most_pixels=limits.image_pixels,
        )
    if min(width, height) < limits.image_side:
        raise raw.place.error(
            "image_too_small",
            f"is {width:,} by {height:,} pixels; each side needs {limits.image_side} at least",
            case="pixels",
            width=width,
            height=height,
            least_side=limits.image_side,
        )
    return image


def _decoded(image: Image.Image, size: int, channels: int) -> Decoded:
    full = image.size
    # A JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, but not below twice the wanted size.
    image.draft(None, (2 * size, 2 * size))
    ImageOps.exif_transpose(image, in_place=True)
    turned = (full[0] < full[1]) != (image.width < image.height)
    width, height = full[::-1] if turned else full
    grey = image.mode in {"1", "L", "LA", "La", "F"} or image.mode.startswith("I")
    mode = "L" if channels == 1 else "RGB"
    image = centred_square(image, size, mode, lambda part: _eight_bits(part, mode))
    return Decoded(np.asarray(image).reshape(size, size, channels), width, height, grey)


def _eight_bits(image: Image.Image, mode: str) -> Image.Image:
    if image.mode == "F":
        raise ValueError(
            "it holds floating-point values, whose range for black and white is not known; save it with 8 or 16 bits"
        )
    if image.mode.startswith("I"):
        # 16-bit grey, which Pillow's own conversion clips to 8 bits.
        values = np.asarray(image).astype(np.float64)
        if values.min() < 0 or values.max() > _SIXTEEN_BITS:
            raise ValueError("it holds values of more than 16 bits; save it with 8 or 16")
        values /= _SIXTEEN_BITS / 255
        image = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    if image.mode == "P" or "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in {"LA", "La", "PA", "RGBA", "RGBa"}:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image).convert("RGB")
    return image if image.mode == mode else image.convert(mode)
