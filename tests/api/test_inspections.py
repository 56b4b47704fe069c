"""Uploads are inspected in separate processes, with fair slots, and only while their client waits."""

import contextlib
import gzip
import io
import json
import os
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from PIL import Image
from sqlalchemy import Engine, text

from control.settings import Settings
from tests.api.conftest import Keys, RequestLog, problem

LINES = 300_000
SECRETS = ("DATABASE_URL", "REDIS_URL", "STORAGE_URL", "SEEDBED_SECRET", "AWS_")


@pytest.fixture
def api(engine: Engine, environment: Settings) -> Iterator[tuple[str, psutil.Process]]:
    """The API as a separate process, and its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "api.main", "--port", "0"],
        env=os.environ | {"SEEDBED_LOG_FORMAT": "json", "AWS_SECRET_ACCESS_KEY": "only for tests"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout
        address = next(line for line in map(json.loads, process.stdout) if line["event"] == "listening")[
            "url"
        ]
        drain = threading.Thread(target=process.stdout.read)
        drain.start()
        yield address, psutil.Process(process.pid)
        process.terminate()
        process.wait()
        drain.join()


@pytest.fixture
def key(project_id: str, api_keys: Keys) -> str:
    return api_keys.make(project_id, "admin")


def dataset(client: httpx.Client, modality: str = "text") -> str:
    answer = client.post("/v1/datasets", json={"name": "x", "modality": modality})
    return f"/v1/datasets/{answer.json()['id']}"


def image() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (30, 20), (3, 200, 9)).save(out, "PNG")
    return out.getvalue()


def recording() -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.sin(np.arange(8000) / 9), 8000, format="WAV")
    return out.getvalue()


def parquet() -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": ["one", "two"]}), out)
    return out.getvalue()


def slow(lines: int = LINES) -> bytes:
    """A file that takes some seconds to read through: a gzip of many short lines."""
    return gzip.compress(b"".join(b'{"text": "%d"}\n' % number for number in range(lines)), 1)


def test_the_api_imports_no_reader_and_inspection_processes_have_no_secrets(
    api: tuple[str, psutil.Process], key: str
) -> None:
    url, process = api
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as client:
        texts = dataset(client)
        for name, body in {
            "a.txt": b"text",
            "a.parquet": parquet(),
            "a.jsonl.gz": gzip.compress(b'{"text": "three"}'),
        }.items():
            assert client.put(f"{texts}/files/{name}", content=body).status_code == 201
        assert len(client.get(f"{texts}/preview").json()["documents"]) == 4
        for modality, name, body in (("image", "a.png", image()), ("audio", "a.wav", recording())):
            there = dataset(client, modality)
            assert client.put(f"{there}/files/{name}", content=body).status_code == 201
            assert client.get(f"{there}/contact-sheet").content.startswith(b"\x89PNG")
        mapped = {entry.path for entry in process.memory_maps()}
        for library in (
            "PIL",
            "_imaging",
            "pyarrow",
            "libarrow",
            "soundfile",
            "libsndfile",
            "numpy",
            "soxr",
            "torch",
        ):
            assert not [path for path in mapped if library in path], library
        (server,) = process.children()
        assert not [variable for variable in server.environ() if variable.startswith(SECRETS)], (
            "the children's environment is the server's"
        )
        assert not [path for path in {entry.path for entry in server.memory_maps()} if "torch" in path]
    process.kill()
    server.wait(timeout=60)


def reading(server: psutil.Process) -> psutil.Process:
    """Wait for the process that inspects an upload."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(psutil.NoSuchProcess):
            if children := server.children():
                return children[0]
        threading.Event().wait(0.01)
    raise AssertionError("nothing is read")


def test_the_inspection_ends_when_its_client_disconnects(api: tuple[str, psutil.Process], key: str) -> None:
    url, process = api
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as client:
        there = dataset(client)
        client.put(f"{there}/files/first.txt", content=b"text")
        (server,) = process.children()
        body = slow()
        address = urlsplit(url)
        head = f"PUT {there}/files/a.jsonl.gz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n"
        with socket.create_connection((address.hostname, address.port)) as connection:
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            child = reading(server)
        child.wait(timeout=60)
        assert [file["name"] for file in client.get(there).json()["file_list"]] == ["first.txt"]


class TestFairness:
    @pytest.fixture
    def server_settings(self, environment: Settings) -> Settings:
        return environment.model_copy(update={"inspections": 2})

    def test_slow_files_of_one_project_do_not_delay_other_projects(
        self, client: httpx.Client, stranger: httpx.Client
    ) -> None:
        """Checked by events, not by time: the others are served before any of the slow ones."""
        there, elsewhere = dataset(client), dataset(stranger)
        body = slow()
        with ThreadPoolExecutor(8) as threads:
            uploads = [
                threads.submit(client.put, f"{there}/files/{number}.jsonl.gz", content=body, timeout=300)
                for number in range(3)
            ]
            assert stranger.put(f"{elsewhere}/files/a.txt", content=b"8 bytes!").status_code == 201
            assert stranger.put(f"{elsewhere}/files/a.parquet", content=parquet()).status_code == 201
            assert client.get("/readyz").json()["ready"]
            assert sum(upload.done() for upload in uploads) < 3
            assert {upload.result().status_code for upload in uploads} == {201}


def test_an_inspection_over_its_budget_is_reported(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control.inspection.budgets._CPU_SECONDS", 1)
    monkeypatch.setattr("control.inspection.budgets._CPU_SECONDS_A_MB", 0.0)
    there = dataset(client)
    body = problem(
        client.put(f"{there}/files/a.jsonl.gz", content=slow(10 * LINES)), 422, "inspection_budget", "file"
    )
    assert "1 seconds of processor time" in body["detail"]
    assert client.get(there).json()["file_list"] == []


def test_hostile_files_are_refused_and_the_next_is_read(client: httpx.Client) -> None:
    there = dataset(client, "image")
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for number in range(30):
            info = tarfile.TarInfo(f"{number}.png")
            info.pax_headers = {"comment": "x" * 1_000_000}
            archive.addfile(info)
    problem(client.put(f"{there}/files/a.tar.gz", content=out.getvalue()), 422, "archive_bomb", "file")
    flat = io.BytesIO()
    Image.new("1", (9999, 9999)).save(flat, "PNG")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as pictures:
        for number in range(20):
            pictures.writestr(f"{number}.png", flat.getvalue())
    problem(client.put(f"{there}/files/a.zip", content=out.getvalue()), 422, "archive_bomb", "file")
    assert client.put(f"{there}/files/a.png", content=image()).status_code == 201


def test_examples_of_an_old_file_are_made_at_the_first_request(
    client: httpx.Client, dataset_id: str, engine: Engine, tmp_path: Path, request_log: RequestLog
) -> None:
    there = f"/v1/datasets/{dataset_id}"
    for name in ("a.txt", "b.txt"):
        client.put(f"{there}/files/{name}", content=f"text of {name}\0".encode())
    shown = client.get(f"{there}/preview").json()["documents"]
    assert [document["text"] for document in shown] == ["text of a.txt\0", "text of b.txt\0"]
    with engine.begin() as connection:
        connection.execute(text("UPDATE dataset_files SET examples = NULL"))
    assert client.get(f"{there}/preview").json()["documents"] == shown
    # The examples are stored: the files are not read again.
    for path in (tmp_path / "storage" / "projects").rglob("*"):
        if path.is_file():
            path.unlink()
    assert client.get(f"{there}/preview").json()["documents"] == shown
