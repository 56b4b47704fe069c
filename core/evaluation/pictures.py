"""Writes grids of images as PNG (ISO/IEC 15948), with only the standard library."""

import math
import struct
import zlib

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

_GREY, _COLOUR = 0, 2
_HIDDEN = 128
"""Grey value of patches that are hidden from the network."""
_LEAST_SIDE = 64
"""Small images are enlarged until their longer side has this many pixels."""
_WIDEST = 2.0
"""Maximum ratio of width to height of a picture with many rows."""
_BETWEEN_BLOCKS = 8


def grid(images: Pixels, columns: int, gap: int = 2) -> Pixels:
    """Images in rows of ``columns``, left to right and top to bottom, with white between them.

    Args:
        images: Shape (N, H, W, C), C 1 or 3.

    Returns:
        Shape (H', W', C).
    """
    count, height, width, channels = images.shape
    scale = max(1, -(-_LEAST_SIDE // max(height, width)))
    images = images.repeat(scale, axis=1).repeat(scale, axis=2)
    height, width = height * scale + gap, width * scale + gap
    rows = -(-count // columns)
    sheet = np.full((rows * height + gap, columns * width + gap, channels), 255, dtype=np.uint8)
    for number, image in enumerate(images):
        top, left = gap + number // columns * height, gap + number % columns * width
        sheet[top : top + height - gap, left : left + width - gap] = image
    return sheet


def side_by_side(*kinds: Pixels) -> Pixels:
    """One row for each image, with all kinds of it side by side, such as input, prediction and truth; all (N, H, W, C).

    Many rows are split into blocks side by side, with a wider gap between them, so that the picture fits a screen: its width
    is at most twice its height.
    """
    together: Pixels = np.stack(kinds, axis=1)
    count, _, height, width, channels = together.shape
    # N blocks make the picture N times as wide and 1 / N as high.
    blocks = max(1, int(math.sqrt(_WIDEST * count * height / (len(kinds) * width))))
    rows = -(-count // blocks)
    parts = [
        grid(block.reshape(-1, height, width, channels), columns=len(kinds))
        for block in np.split(together, range(rows, count, rows))
    ]
    lines = max(part.shape[0] for part in parts)
    apart = np.full((lines, _BETWEEN_BLOCKS, channels), 255, dtype=np.uint8)
    full = [np.pad(part, ((0, lines - part.shape[0]), (0, 0), (0, 0)), constant_values=255) for part in parts]
    sheet: Pixels = np.concatenate([piece for part in full for piece in (apart, part)][1:], axis=1)
    return sheet


def one_above_other(*kinds: Pixels) -> Pixels:
    """One row for each kind, one column for each image; all (N, H, W, C)."""
    return grid(np.concatenate(kinds), columns=len(kinds[0]))


def greyed(images: Pixels, hidden: NDArray[np.bool_]) -> Pixels:
    """Images whose hidden patches are grey.

    Args:
        images: Shape (N, H, W, C).
        hidden: Shape (N, rows, columns): the patches of each image.
    """
    height, width = images.shape[1] // hidden.shape[1], images.shape[2] // hidden.shape[2]
    whole = hidden.repeat(height, axis=1).repeat(width, axis=2)[..., None]
    found: Pixels = np.where(whole, np.uint8(_HIDDEN), images)
    return found


def png(image: Pixels) -> bytes:
    """An image of shape (H, W, C), C 1 or 3, as a PNG file. The same pixels give the same bytes."""
    height, width, channels = image.shape
    kind = {1: _GREY, 3: _COLOUR}[channels]
    lines = image.reshape(height, width * channels)
    unfiltered = np.pad(lines, ((0, 0), (1, 0)))  # each line begins with its filter type; 0 means no filter
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(unfiltered.tobytes(), 6)),
            _chunk(b"IEND", b""),
        ]
    )


def to_pixels(values: NDArray[np.floating]) -> Pixels:
    """Numbers in 0 … 1 of shape (N, C, H, W) as pixels of shape (N, H, W, C). Values outside the range are clipped."""
    levels = np.rint(np.clip(values, 0.0, 1.0) * 255).astype(np.uint8)
    pixels: Pixels = np.ascontiguousarray(levels.transpose(0, 2, 3, 1))
    return pixels


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
