"""Repeated previews, four at once, of a 5 MB file that unpacks to forty lines of 30 MB each."""

import gzip
import io
import os

import httpx

from benchmarks.hostile.target import Target, expect

LINES = 40
LINE_BYTES = 30_000_000
NOISE_BYTES = 60_000
AT_ONCE = 4
TIMES = 5


def attack(target: Target) -> None:
    """The file is accepted; its preview was made at the upload and is short."""
    with target.client() as client:
        dataset = target.dataset(client, "previews")
        path = f"/v1/datasets/{dataset}"
        answer = client.put(f"{path}/files/a.jsonl.gz", content=_lines(), timeout=200)
        expect(answer, 201)

        def preview(_: int) -> httpx.Response:
            return client.get(f"{path}/preview", params={"documents": 100, "characters": 20_000})

        for _ in range(TIMES):
            for shown in target.together(AT_ONCE, preview):
                expect(shown, 200, at_most=2_000_000)


def _lines() -> bytes:
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", compresslevel=1) as file:
        for _ in range(LINES):
            file.write(b'{"text": "' + os.urandom(NOISE_BYTES).hex().encode())
            file.write(b"a" * LINE_BYTES + b'"}\n')
    return out.getvalue()
