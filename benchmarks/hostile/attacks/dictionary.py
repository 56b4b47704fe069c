"""A Parquet file of half a kilobyte whose dictionary expands to gigabytes, eight at once."""

import io

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.hostile.target import Target, expect

UPLOADS = 8
ROWS = 3000
WORD_BYTES = 1 << 20


def attack(target: Target) -> None:
    """Each file is refused by the memory budget."""
    words = pa.DictionaryArray.from_arrays(pa.array(np.zeros(ROWS, np.int32)), pa.array(["x" * WORD_BYTES]))
    out = io.BytesIO()
    pq.write_table(pa.table({"text": words}), out, compression="zstd")
    with target.client() as client:
        dataset = target.dataset(client, "dictionary")

        def upload(number: int) -> httpx.Response:
            path = f"/v1/datasets/{dataset}/files/{number}.parquet"
            return client.put(path, content=out.getvalue(), timeout=200)

        for answer in target.together(UPLOADS, upload):
            expect(answer, 422, at_most=10_000)
