"""Sixteen uploads at once of a 25 KB tar whose names and comments take a megabyte each."""

import io
import tarfile

import httpx

from benchmarks.hostile.target import Target, expect

UPLOADS = 16
MEMBERS = 25
COMMENT_BYTES = 1_000_000


def attack(target: Target) -> None:
    """Each archive is refused with the documented code."""
    body = _archive()
    with target.client() as client:
        dataset = target.dataset(client, "long names", "image")

        def upload(number: int) -> httpx.Response:
            return client.put(f"/v1/datasets/{dataset}/files/{number}.tar.gz", content=body)

        for answer in target.together(UPLOADS, upload):
            expect(answer, 422, code="archive_bomb", at_most=10_000)


def _archive() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for number in range(MEMBERS):
            info = tarfile.TarInfo(f"{number}.png")
            info.pax_headers = {"comment": "x" * COMMENT_BYTES}
            archive.addfile(info)
    return out.getvalue()
