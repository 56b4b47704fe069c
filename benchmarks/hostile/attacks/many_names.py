"""Two parallel uploads of a zip with a million empty files that are not images."""

import io
import zipfile

import httpx

from benchmarks.hostile.target import Target, expect

UPLOADS = 2
MEMBERS = 1_000_000


def attack(target: Target) -> None:
    """Each is refused: it holds no readable file, or more files than an archive of its size may hold."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(MEMBERS):
            archive.writestr(zipfile.ZipInfo(f"{number}.doc"), b"")
    body = out.getvalue()
    with target.client() as client:
        dataset = target.dataset(client, "many names", "image")

        def upload(number: int) -> httpx.Response:
            return client.put(f"/v1/datasets/{dataset}/files/{number}.zip", content=body, timeout=230)

        for answer in target.together(UPLOADS, upload):
            expect(answer, 422, at_most=10_000)
