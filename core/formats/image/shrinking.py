"""Large images brought to a small size in the memory of the decoded image alone."""

from collections.abc import Callable

from PIL import Image

_GAP = 3.0
"""What is left to the filter after whole pixels were averaged: enough that nobody sees the difference."""
_WHOLE = 4_000_000
"""Pixels of an image that is converted and cut as a whole."""
_STRIP = 1_000_000
"""Pixels of a strip."""

Convert = Callable[[Image.Image], Image.Image]


def centred_square(image: Image.Image, size: int, mode: str, convert: Convert) -> Image.Image:
    """The largest centred square, resampled (bicubic, antialiased) to ``size``.

    Each conversion of an image takes memory once more. Where pixels are averaged before they are resampled, strips of the
    image give the same numbers as the whole, so that a large one is converted a strip at a time.

    Args:
        convert: From the image's mode to ``mode``, each pixel by itself.
    """
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    factor = int(side / size / _GAP) or 1
    if factor == 1 or image.width * image.height <= _WHOLE:
        # Cut first: resampling a box of an image would let what lies beside the box bleed in.
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
