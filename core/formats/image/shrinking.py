"""Shrinks large images with little memory beside the decoded image."""

from collections.abc import Callable

from PIL import Image

_GAP = 3.0
"""Least ratio by which the filter shrinks an image after whole pixels were averaged; from 3 on the result looks the same."""
_WHOLE = 4_000_000
"""Pixels up to which an image is converted and cropped as a whole."""
_STRIP = 1_000_000
"""Pixels of a strip."""

Convert = Callable[[Image.Image], Image.Image]


def centred_square(image: Image.Image, size: int, mode: str, convert: Convert) -> Image.Image:
    """The largest centred square, resampled (bicubic, antialiased) to ``size`` by ``size`` pixels.

    Each conversion of an image needs memory for a copy. A large image is averaged over whole pixels before it is resampled;
    there, strips give the same numbers as the whole image, so it is converted one strip at a time.

    Args:
        convert: Converts an image to ``mode``, each pixel independently of the others.
    """
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    factor = int(side / size / _GAP) or 1
    if factor == 1 or image.width * image.height <= _WHOLE:
        # Cropped first: when a box of an image is resampled, pixels outside the box would change its border.
        square = convert(image).crop((left, top, left + side, top + side))
        return square.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=_GAP)
    short = -(-side // factor)
    small = Image.new(mode, (short, short))
    rows = factor * max(1, _STRIP // (side * factor))
    for at in range(0, side, rows):
        strip = image.crop((left, top + at, left + side, top + min(side, at + rows)))
        small.paste(convert(strip).reduce(factor), (0, at // factor))
    exact = (0.0, 0.0, side / factor, side / factor)
    return small.resize((size, size), Image.Resampling.BICUBIC, box=exact)
