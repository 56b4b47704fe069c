"""An estimate, samples and an export in the dashboard."""

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest

from api.version import version
from control.db import create_engine, write
from control.ids import new_id
from control.samples import repository
from control.storage import open_storage
from tests.dashboard.conftest import Running, Scenario
from tests.worker.conftest import eventually

pytestmark = pytest.mark.browser


def png(size: int, shade: int) -> bytes:
    """A picture of grey squares."""
    row = b"".join(bytes([shade if (x // 4) % 2 else 255 - shade]) for x in range(size))
    pixels = b"".join(b"\x00" + row for _ in range(size))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", size, size, 8, 0, 0, 0, 0)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def show(service: Running, job: str, step: int, name: str, media_type: str, content: bytes) -> None:
    """Store a sample as the worker does, independent of the job's task."""
    key = f"jobs/{job}/attempt-1/samples/step-{step}/{name}/content"
    open_storage(service.environment["STORAGE_URL"]).put_stream(key, [content])
    engine = create_engine(service.environment["DATABASE_URL"])
    with write(engine) as session:
        repository.upsert(
            session,
            {
                "id": new_id("smp"),
                "job_id": job,
                "attempt": 1,
                "step": step,
                "name": name,
                "media_type": media_type,
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
                "object_key": key,
            },
        )
    engine.dispose()


@pytest.mark.parametrize("width", [1440, 375])
def test_an_estimate_a_sample_and_an_export(
    scenario: Scenario, service: Running, submit: Callable[..., str], tmp_path: Path, width: int
) -> None:
    job = submit(f"shown at {width}", task={"kind": "causal_lm"}, steps=12)
    with service.client() as client:
        eventually(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "succeeded", "the job's end")
    for step in (4, 8, 12):
        text = f"At step {step} the network says: " + "the the statement, and so on; " * step
        show(service, job, step, "continued_text", "text/plain", text.encode())
        show(service, job, step, "reconstructions", "image/png", png(64, 16 * step))
    found = scenario("short-jobs", width=width, job=job, theme="dark" if width == 375 else "light")
    assert found["earlier"] != found["newest"], "another step shows another text"
    for name in ("Version", "Queue", "Workers", "Storage", "Disk", "Database"):
        assert name in found["system"]
    assert version() in found["system"]
    with zipfile.ZipFile(found["zip"]) as archive:
        [name] = [name for name in archive.namelist() if name.endswith("model.onnx")]
        (tmp_path / "model.onnx").write_bytes(archive.read(name))
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert [item.name for item in session.get_inputs()] == ["input_ids", "attention_mask"]
