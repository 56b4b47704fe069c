"""Model cards over HTTP: by themselves, as a file of the checkpoint, and in its archive."""

import hashlib
import io
import json
import zipfile

import httpx
import pytest
from huggingface_hub import ModelCard
from sqlalchemy import Engine

from control.checkpoints.models import Checkpoint
from control.datasets.models import Dataset
from control.db import write
from control.lifecycle.models import Job
from control.settings import Settings
from control.storage import open_storage
from tests.api.conftest import Stored, problem


def rename_data(engine: Engine, checkpoint: Stored, name: str) -> None:
    with write(engine) as session:
        job = session.get_one(Job, session.get_one(Checkpoint, checkpoint.id).job_id)
        session.get_one(Dataset, job.dataset_id).name = name


def test_a_card_is_markdown_that_a_browser_does_not_run(client: httpx.Client, checkpoint: Stored) -> None:
    answer = client.get(f"/v1/checkpoints/{checkpoint.id}/card")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert ModelCard(answer.text).data.to_dict()["seedbed"]["checkpoint"] == checkpoint.id
    etag = answer.headers["etag"]
    assert etag == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    again = client.get(f"/v1/checkpoints/{checkpoint.id}/card", headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")


def test_the_card_is_a_file_of_the_checkpoint(
    client: httpx.Client, checkpoint: Stored, engine: Engine
) -> None:
    card = client.get(f"/v1/checkpoints/{checkpoint.id}/card").content
    url = checkpoint.url("README.md")
    answer, head = client.get(url), client.head(url)
    assert answer.content == card
    assert answer.headers["content-length"] == head.headers["content-length"] == str(len(card))
    etag = answer.headers["etag"]
    assert etag == head.headers["etag"] == f'"{hashlib.sha256(card).hexdigest()}"'
    # It is asked for again each time; the other files never change.
    assert answer.headers["cache-control"] == "private, no-cache"
    assert "immutable" in client.head(checkpoint.url()).headers["cache-control"]
    rest = client.get(url, headers={"Range": "bytes=100-", "If-Range": etag})
    assert (rest.status_code, rest.content) == (206, card[100:])
    assert rest.headers["content-range"] == f"bytes 100-{len(card) - 1}/{len(card)}"
    problem(client.get(url, headers={"Range": f"bytes={len(card)}-"}), 416, "range_not_satisfiable", "Range")
    rename_data(engine, checkpoint, "another name of the corpus")
    now = client.get(url, headers={"Range": "bytes=100-", "If-Range": etag, "If-None-Match": etag})
    assert now.status_code == 200
    assert now.headers["etag"] != etag
    assert b"another name of the corpus" in now.content


def test_the_archive_has_the_card_of_its_moment(client: httpx.Client, checkpoint: Stored) -> None:
    answer = client.get(f"/v1/checkpoints/{checkpoint.id}/archive")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("/README.md")]
        assert archive.read(name) == client.get(f"/v1/checkpoints/{checkpoint.id}/card").content


def test_a_file_is_downloaded_without_writing_the_card(
    client: httpx.Client, checkpoint: Stored, engine: Engine
) -> None:
    with write(engine) as session:
        # No card can be written of a job without a spec.
        session.get_one(Job, session.get_one(Checkpoint, checkpoint.id).job_id).spec = {}
    assert client.get(checkpoint.url()).status_code == 200
    assert client.get(checkpoint.url("manifest.json")).status_code == 200


def test_neither_files_nor_manifest_list_the_card(client: httpx.Client, checkpoint: Stored) -> None:
    told = client.get(f"/v1/checkpoints/{checkpoint.id}").json()
    assert "README.md" not in {file["path"] for file in told["files"]}
    manifest = client.get(checkpoint.url("manifest.json")).content
    assert hashlib.sha256(manifest).hexdigest() == told["manifest_sha256"]
    assert "README.md" not in {file["path"] for file in json.loads(manifest)["files"]}


@pytest.mark.parametrize("path", ["card", "files/README.md"])
def test_another_project_has_no_card(
    client: httpx.Client, stranger: httpx.Client, checkpoint: Stored, path: str
) -> None:
    problem(stranger.get(f"/v1/checkpoints/{checkpoint.id}/{path}"), 404, "checkpoint_not_found")
    assert client.get(f"/v1/checkpoints/{checkpoint.id}/{path}").status_code == 200


def test_a_readme_that_was_uploaded_with_the_checkpoint_stays(
    client: httpx.Client, checkpoint: Stored, storage_readme: bytes
) -> None:
    assert client.get(checkpoint.url("README.md")).content == storage_readme
    answer = client.get(f"/v1/checkpoints/{checkpoint.id}/archive")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        names = [name for name in archive.namelist() if name.endswith("/README.md")]
        assert [archive.read(name) for name in names] == [storage_readme]
    assert ModelCard(client.get(f"/v1/checkpoints/{checkpoint.id}/card").text).data.tags
    assert client.head(checkpoint.url("README.md")).headers["cache-control"].endswith("immutable")


@pytest.fixture
def storage_readme(checkpoint: Stored, engine: Engine, environment: Settings) -> bytes:
    """A README.md in the checkpoint's manifest, as that of an upload may have one."""
    content = b"# Somebody else's model\n"
    open_storage(environment.storage_url).put_stream(f"{checkpoint.prefix}/README.md", [content])
    with write(engine) as session:
        row = session.get_one(Checkpoint, checkpoint.id)
        entry = {
            "path": "README.md",
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        row.manifest = row.manifest | {"files": [*row.manifest["files"], entry]}
    return content
