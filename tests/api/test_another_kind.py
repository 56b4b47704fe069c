"""A kind of short job that is added by a description in `control` and one in `api` works as the built-in kinds do."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from control.settings import Settings
from tests.api.conftest import Keys

ROOT = Path(__file__).parents[2]
DRIVE = Path(__file__).parent / "another_kind" / "drive.py"


@pytest.fixture
def told(engine: Engine, environment: Settings, api_keys: Keys, project_id: str) -> dict[str, Any]:
    """Output of the process with the further kind, on a database of this test."""
    done = subprocess.run(
        [sys.executable, str(DRIVE), api_keys.make(project_id, "admin"), project_id],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_a_further_kind_needs_a_description_and_nothing_more(told: dict[str, Any]) -> None:
    asked, done = told["asked"], told["done"]
    assert (told["refused"]["code"], told["refused"]["param"]) == ("validation_failed", "order")
    assert (asked["object"], asked["state"], asked["order"], asked["result"]) == (
        "outline",
        "queued",
        "size",
        None,
    )
    assert asked["id"].startswith("out_")
    assert told["again"] == asked["id"], "the same of the same checkpoint is done once"
    assert told["other"] != asked["id"], "other options are another"
    assert told["early"]["code"] == "outline_not_ready"
    assert told["claim"]["purpose"] == "outline"
    assert told["claim"]["options"] == {"order": "size", "step": 10}
    assert (done["state"], done["result"], done["bytes"]) == ("succeeded", {"tensors": 1}, 13)
    assert done["files"][0]["path"] == "tensors.txt"
    assert told["file"] == "embeddings 4\n"
    assert told["listed"] == [told["other"], asked["id"]]
    assert (told["usage"]["count"], told["usage"]["bytes"]) == (1, 13)
    assert told["missing"]["code"] == "outline_not_found"
    assert set(told["forgotten"]) == {asked["id"], told["other"]}
    assert told["gone"] == 404


def test_the_document_has_all_its_routes(told: dict[str, Any]) -> None:
    document = told["document"]
    operations = {
        operation["operationId"]: path
        for path, methods in document["paths"].items()
        for operation in methods.values()
        if "outlines" in operation["tags"]
    }
    assert operations == {
        "outlineCheckpoint": "/v1/checkpoints/{checkpoint}/outline",
        "listOutlines": "/v1/jobs/{job}/outlines",
        "getOutline": "/v1/outlines/{outline}",
        "cancelOutline": "/v1/outlines/{outline}/cancel",
        "deleteOutline": "/v1/outlines/{outline}",
        "headOutlineFile": "/v1/outlines/{outline}/files/{path}",
        "downloadOutlineFile": "/v1/outlines/{outline}/files/{path}",
        "downloadOutline": "/v1/outlines/{outline}/archive",
    }
    assert "outlines" in [tag["name"] for tag in document["tags"]]
    assert "OutlineOut" in document["components"]["schemas"]
