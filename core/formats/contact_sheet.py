"""Thumbnails side by side as one PNG."""

import base64
import io
from collections.abc import Sequence

from PIL import Image

from core.formats.image_inspection import THUMBNAIL

_GAP = 2


def contact_sheet(thumbnails: Sequence[str], columns: int) -> bytes:
    """A PNG of some thumbnails of an `ImageFileReport`, row by row; clear between and behind them."""
    columns = max(1, min(columns, len(thumbnails)))
    rows = -(-len(thumbnails) // columns) or 1
    step = THUMBNAIL + _GAP
    sheet = Image.new("RGBA", (columns * step - _GAP, rows * step - _GAP))
    for number, thumbnail in enumerate(thumbnails):
        row, column = divmod(number, columns)
        image = Image.open(io.BytesIO(base64.b64decode(thumbnail)), formats=("JPEG",))
        sheet.paste(image, (column * step, row * step))
    out = io.BytesIO()
    sheet.save(out, "PNG")
    return out.getvalue()
