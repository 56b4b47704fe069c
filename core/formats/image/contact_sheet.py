"""Puts images side by side into one PNG."""

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_GAP = 2


def contact_sheet(thumbnails: Sequence[str], columns: int) -> bytes:
    """A PNG with some thumbnails of an `ImageFileReport`, row by row, transparent between them and in empty places."""
    images = [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(thumbnail)), formats=("JPEG",)))
        for thumbnail in thumbnails
    ]
    return sheet(images, columns)


def sheet(images: Sequence[NDArray[np.uint8]], columns: int) -> bytes:
    """A PNG with images of one size, each (H, W, 1 or 3), row by row, transparent between them and in empty places."""
    columns = max(1, min(columns, len(images)))
    height, width = images[0].shape[:2] if images else (_GAP + 1, _GAP + 1)
    down, across = height + _GAP, width + _GAP
    rows = -(-len(images) // columns) or 1
    found = Image.new("RGBA", (columns * across - _GAP, rows * down - _GAP))
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        picture = Image.fromarray(image[..., 0] if image.shape[2] == 1 else image)
        found.paste(picture, (column * across, row * down))
    out = io.BytesIO()
    found.save(out, "PNG")
    return out.getvalue()
