"""Reads the IDX format of MNIST and similar datasets: a header, then an array of bytes (yann.lecun.com/exdb/mnist)."""

import math
import struct

import numpy as np
from numpy.typing import NDArray

from core.formats.containers.source import Source
from core.formats.limits import Limits

_UNSIGNED_BYTE = 0x08
_LARGEST = 1 << 32


def read_idx(source: Source, limits: Limits) -> NDArray[np.uint8]:
    """The array in a file: labels of shape (N,), grey images (N, H, W), or colour images (N, H, W, 3).

    Raises:
        FormatError: ``bad_idx``, ``image_too_large``, ``image_too_small``.
    """
    place = source.place
    header = source.read(4)
    if len(header) < 4 or header[:2] != b"\0\0" or header[2] != _UNSIGNED_BYTE or header[3] not in {1, 3, 4}:
        raise place.error(
            "bad_idx", "is not an IDX file of bytes in 1, 3 or 4 dimensions; upload it again", case="no_idx"
        )
    dimensions = source.read(4 * header[3])
    if len(dimensions) != 4 * header[3]:
        raise place.error("bad_idx", "is cut off inside its header; upload it again", case="header_cut_off")
    shape = struct.unpack(f">{header[3]}I", dimensions)
    if len(shape) == 4 and shape[3] not in {1, 3}:
        raise place.error(
            "bad_idx",
            f"has images of {shape[3]} channels, where 1 or 3 are known",
            case="channels",
            channels=shape[3],
        )
    if len(shape) > 1 and math.prod(shape[1:3]) > limits.image_pixels:
        raise place.error(
            "image_too_large",
            f"has images of {shape[1]} by {shape[2]} pixels",
            case="idx",
            height=shape[1],
            width=shape[2],
            most_pixels=limits.image_pixels,
        )
    if len(shape) > 1 and min(shape[1:3]) < limits.image_side:
        # A file of billions of images with 0 pixels would be read for hours.
        raise place.error(
            "image_too_small",
            f"has images of {shape[1]} by {shape[2]} pixels; each side needs {limits.image_side} at least",
            case="idx",
            height=shape[1],
            width=shape[2],
            least_side=limits.image_side,
        )
    size = math.prod(shape)
    if size > _LARGEST:
        raise place.error(
            "bad_idx",
            f"holds {size:,} bytes, {_LARGEST:,} at most; use an archive of images",
            case="too_large",
            bytes=size,
            most_bytes=_LARGEST,
        )
    content = b"".join(source.chunks()) if size else b""
    if len(content) != size:
        raise place.error(
            "bad_idx",
            f"holds {len(content):,} bytes where its header says {size:,}; upload it again",
            case="size",
            bytes=len(content),
            declared_bytes=size,
        )
    return np.frombuffer(content, np.uint8).reshape(shape)
