"""Downloads of a checkpoint: whole files, ranges, and the archive."""

import hashlib
import io
import zipfile
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from api.downloads import RangeNotSatisfiable, wanted_range
from control.checkpoints.models import Checkpoint
from control.db import write
from tests.api.conftest import WEIGHTS, Stored, problem


def test_every_file_is_downloaded_completely_with_its_hash(client: httpx.Client, checkpoint: Stored) -> None:
    told = client.get(f"/v1/checkpoints/{checkpoint.id}").json()
    assert told["metrics"] == {"eval/loss": 2.5}
    assert {file["path"] for file in told["files"]} | {"manifest.json"} == set(checkpoint.files)
    for path, body in checkpoint.files.items():
        answer = client.get(checkpoint.url(path))
        assert answer.status_code == 200
        assert answer.content == body
        assert answer.headers["content-length"] == str(len(body))
        assert answer.headers["etag"] == f'"{hashlib.sha256(body).hexdigest()}"'
        assert answer.headers["accept-ranges"] == "bytes"
        head = client.head(checkpoint.url(path))
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-length", "etag", "content-type", "content-disposition"):
            assert head.headers[name] == answer.headers[name]


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=1048570-", 1048570, len(WEIGHTS)),
        ("bytes=-5", len(WEIGHTS) - 5, len(WEIGHTS)),
        (f"bytes=100-{10**15}", 100, len(WEIGHTS)),
        (f"bytes=-{10**15}", 0, len(WEIGHTS)),
    ],
)
def test_a_range_returns_these_bytes(asked: str, start: int, stop: int) -> None:
    assert wanted_range(asked, len(WEIGHTS)) == (start, stop)


@pytest.mark.parametrize(
    "header", [None, "", "bytes", "bytes=-", "bytes=5-2", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b"]
)
def test_a_header_that_is_not_a_single_range_is_ignored(header: str | None) -> None:
    assert wanted_range(header, 100) is None


@pytest.mark.parametrize(
    ("header", "size"), [("bytes=100-", 100), ("bytes=200-300", 100), ("bytes=0-", 0), ("bytes=-0", 9)]
)
def test_a_range_after_the_end_is_refused(header: str, size: int) -> None:
    with pytest.raises(RangeNotSatisfiable):
        wanted_range(header, size)


def test_a_download_is_resumed(client: httpx.Client, checkpoint: Stored) -> None:
    etag = client.head(checkpoint.url()).headers["etag"]
    cut = 3_000_000
    rest = client.get(checkpoint.url(), headers={"Range": f"bytes={cut}-", "If-Range": etag})
    assert rest.status_code == 206
    assert rest.headers["content-range"] == f"bytes {cut}-{len(WEIGHTS) - 1}/{len(WEIGHTS)}"
    assert rest.headers["content-length"] == str(len(WEIGHTS) - cut)
    assert rest.content == WEIGHTS[cut:]
    whole = client.get(checkpoint.url(), headers={"Range": f"bytes={cut}-", "If-Range": '"another"'})
    assert (whole.status_code, whole.content) == (200, WEIGHTS)
    assert client.head(checkpoint.url(), headers={"Range": "bytes=0-9"}).headers["content-length"] == "10"
    beyond = client.get(checkpoint.url(), headers={"Range": f"bytes={len(WEIGHTS)}-"})
    problem(beyond, 416, "range_not_satisfiable", "Range")
    assert beyond.headers["content-range"] == f"bytes */{len(WEIGHTS)}"


def test_a_file_that_the_client_has_is_not_sent_again(client: httpx.Client, checkpoint: Stored) -> None:
    etag = client.head(checkpoint.url()).headers["etag"]
    for known in (etag, f'"x", W/{etag}', "*"):
        answer = client.get(checkpoint.url(), headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert client.get(checkpoint.url(), headers={"If-None-Match": '"x"'}).status_code == 200


def test_only_files_of_the_checkpoint_are_served(
    client: httpx.Client, checkpoint: Stored, subtests: pytest.Subtests
) -> None:
    for path in ("nothing", "%2e%2e%2fconfig.json", "%2e%2e/config.json", "trainer", "trainer/", "%00", ""):
        with subtests.test(path):
            request = client.build_request("GET", "/")
            request.url = request.url.copy_with(raw_path=checkpoint.url(path).encode())
            problem(client.send(request), 404, "file_not_found", "path")


def test_the_archive_holds_every_file(client: httpx.Client, checkpoint: Stored) -> None:
    answer = client.get(f"/v1/checkpoints/{checkpoint.id}/archive")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-length"] == str(len(answer.content))
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        folders = {name.partition("/")[0] for name in archive.namelist()}
        assert len(folders) == 1
        found = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
    assert found.pop("README.md").startswith(b"---\n")
    assert found == checkpoint.files


def test_missing_bytes_are_an_error_status_before_the_response_begins(
    client: httpx.Client, checkpoint: Stored, tmp_path: Path
) -> None:
    (tmp_path / "storage" / checkpoint.prefix / "model.safetensors").unlink()
    problem(client.get(checkpoint.url()), 404, "object_missing")
    assert client.get(checkpoint.url("config.json")).content == b"{}"


def test_a_client_that_stops_reading_stops_the_download(client: httpx.Client, checkpoint: Stored) -> None:
    with client.stream("GET", checkpoint.url()) as answer:
        next(answer.iter_raw())
    assert client.get(checkpoint.url("config.json")).status_code == 200


def test_a_checkpoint_that_retention_dropped_is_gone(
    client: httpx.Client, checkpoint: Stored, engine: Engine
) -> None:
    with write(engine) as session:
        row = session.get_one(Checkpoint, checkpoint.id)
        row.deleted_at = row.created_at
    problem(client.get(checkpoint.url()), 404, "checkpoint_not_found")
