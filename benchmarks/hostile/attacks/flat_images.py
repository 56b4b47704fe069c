"""Zips of some KB that hold twenty images of a hundred megapixels each, four at once."""

import io
import zipfile

import httpx
from PIL import Image

from benchmarks.hostile.target import Target, expect

UPLOADS = 4
IMAGES = 20
SIDE = 10_000


def attack(target: Target) -> None:
    """Each archive is refused by the pixel budget or the budget of processor time."""
    body = _archive()
    with target.client() as client:
        dataset = target.dataset(client, "flat images", "image")

        def upload(number: int) -> httpx.Response:
            return client.put(f"/v1/datasets/{dataset}/files/{number}.zip", content=body, timeout=200)

        for answer in target.together(UPLOADS, upload):
            expect(answer, 422, at_most=10_000)


def _archive() -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", (SIDE, SIDE)).save(picture, "PNG")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(IMAGES):
            archive.writestr(f"{number}.png", picture.getvalue())
    return out.getvalue()
