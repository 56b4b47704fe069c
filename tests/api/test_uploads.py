"""Uploads: digests, limits, full disks, and disconnected clients."""

import base64
import hashlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from control.settings import Settings
from tests.api.conftest import Keys, RequestLog, problem

BODY = b"All happy families are alike. " * 200_000
LIMIT = 64 * 2**20


@pytest.fixture
def server_settings(environment: Settings) -> Settings:
    return environment.model_copy(update={"max_upload_bytes": LIMIT})


def stored(tmp_path: Path) -> list[Path]:
    return [path for path in (tmp_path / "storage").rglob("*") if path.is_file()]


def test_a_file_is_stored_as_it_was_sent(client: httpx.Client, dataset_id: str, tmp_path: Path) -> None:
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    answer = client.put(
        f"/v1/datasets/{dataset_id}/files/a.txt",
        content=BODY,
        headers={"Content-Digest": f"md5=:AAAA:, sha-256=:{digest}:"},
    )
    assert answer.status_code == 201
    (file,) = stored(tmp_path)
    assert file.read_bytes() == BODY


def test_a_file_with_another_hash_is_refused_and_not_stored(
    client: httpx.Client, dataset_id: str, tmp_path: Path
) -> None:
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    answer = client.put(
        f"/v1/datasets/{dataset_id}/files/a.txt",
        content=BODY[:-1] + b"?",
        headers={"Content-Digest": f"sha-256=:{digest}:"},
    )
    problem(answer, 422, "digest_mismatch", "Content-Digest")
    assert stored(tmp_path) == []
    assert client.get(f"/v1/datasets/{dataset_id}").json()["files"] == 0


def test_a_body_of_unknown_length_is_stored_too(
    client: httpx.Client, dataset_id: str, tmp_path: Path
) -> None:
    chunks = (BODY[start : start + 100_000] for start in range(0, len(BODY), 100_000))
    assert client.put(f"/v1/datasets/{dataset_id}/files/a.txt", content=chunks).status_code == 201
    (file,) = stored(tmp_path)
    assert file.read_bytes() == BODY


def test_a_file_over_the_limit_is_refused(client: httpx.Client, dataset_id: str, tmp_path: Path) -> None:
    path = f"/v1/datasets/{dataset_id}/files/a.txt"
    large = b"x" * (LIMIT + 1)
    problem(client.put(path, content=large), 413, "file_too_large", "file")
    problem(client.put(path, content=iter([large[:100], large[100:]])), 413, "file_too_large", "file")
    assert stored(tmp_path) == []
    assert client.put(path, content=b"x" * LIMIT).status_code == 201


def _begin(url: str, key: str, path: str, length: int) -> socket.socket:
    address = urlsplit(url)
    assert address.hostname
    connection = socket.create_connection((address.hostname, address.port))
    head = (
        f"PUT {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {length}\r\n\r\n"
    )
    connection.sendall(head.encode())
    return connection


def test_an_aborted_upload_leaves_nothing(
    url: str,
    client: httpx.Client,
    dataset_id: str,
    project_id: str,
    api_keys: Keys,
    request_log: RequestLog,
    tmp_path: Path,
) -> None:
    path = f"/v1/datasets/{dataset_id}/files/a.txt"
    with _begin(url, api_keys.make(project_id, "write"), path, len(BODY)) as connection:
        connection.sendall(BODY[: len(BODY) - 1000])
    line = request_log.wait_for(method="PUT")
    assert (line["status"], line["level"], line["traceback"]) == (499, "INFO", False)
    assert stored(tmp_path) == []
    assert client.get(f"/v1/datasets/{dataset_id}").json()["file_list"] == []

    assert client.put(path, content=BODY).status_code == 201
    (file,) = stored(tmp_path)
    assert file.read_bytes() == BODY


def test_files_of_a_dataset_may_be_uploaded_concurrently(
    client: httpx.Client, dataset_id: str, url: str, project_id: str, api_keys: Keys
) -> None:
    key = api_keys.make(project_id, "write")
    path = f"/v1/datasets/{dataset_id}/files"
    slow = [_begin(url, key, f"{path}/slow-{number}.txt", 10) for number in range(4)]
    for connection in slow:
        connection.sendall(b"12345")
    assert client.put(f"{path}/quick.txt", content=b"text").status_code == 201
    for connection in slow:
        connection.sendall(b"67890")
        assert connection.recv(100).startswith(b"HTTP/1.1 201")
        connection.close()
    assert client.get(f"/v1/datasets/{dataset_id}").json()["files"] == 5


def test_a_dataset_completed_during_an_upload_refuses_the_file(
    client: httpx.Client, dataset_id: str, url: str, project_id: str, api_keys: Keys, tmp_path: Path
) -> None:
    path = f"/v1/datasets/{dataset_id}/files"
    client.put(f"{path}/first.txt", content=b"text")
    with _begin(url, api_keys.make(project_id, "write"), f"{path}/late.txt", 10) as connection:
        connection.sendall(b"12345")
        client.post(f"/v1/datasets/{dataset_id}/complete")
        connection.sendall(b"67890")
        assert connection.recv(100).startswith(b"HTTP/1.1 409")
    assert [file.read_bytes() for file in stored(tmp_path)] == [b"text"]


def test_memory_does_not_grow_with_the_file(client: httpx.Client, dataset_id: str) -> None:
    # The server is a thread of this process, and the body is made piece by piece.
    process = psutil.Process()
    piece = b"All happy families are alike. " * 2000 + b"\n"
    sizes = []

    def pieces() -> Iterator[bytes]:
        for _ in range(LIMIT // len(piece)):
            sizes.append(process.memory_info().rss)
            yield piece

    assert client.put(f"/v1/datasets/{dataset_id}/files/a.txt", content=pieces()).status_code == 201
    assert max(sizes) - sizes[0] < LIMIT / 2


class TestFullDisk:
    @pytest.fixture
    def disk(self, tmp_path: Path) -> Iterator[Path]:
        """A file system of 2 MiB."""
        where = tmp_path / "storage"
        where.mkdir()
        mount = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", where],
            check=False,
            capture_output=True,
            text=True,
        )
        if mount.returncode:
            pytest.skip(f"needs the right to mount: {mount.stderr.strip()}")
        yield where
        subprocess.run(["umount", "--lazy", where], check=True)

    @pytest.fixture
    def server_settings(self, environment: Settings, disk: Path) -> Settings:
        return environment.model_copy(update={"storage_url": f"file://{disk}"})

    def test_a_full_disk_during_an_upload_is_reported(
        self, client: httpx.Client, dataset_id: str, request_log: RequestLog, tmp_path: Path
    ) -> None:
        path = f"/v1/datasets/{dataset_id}/files"
        assert client.put(f"{path}/small.txt", content=b"text").status_code == 201
        problem(client.put(f"{path}/large.txt", content=BODY), 507, "storage_full")
        lines = request_log.of(client)
        assert [(line["status"], line["traceback"]) for line in lines] == [(201, False), (507, False)]
        assert [file.read_bytes() for file in stored(tmp_path)] == [b"text"]
        assert client.put(f"{path}/other.txt", content=b"other text").status_code == 201
