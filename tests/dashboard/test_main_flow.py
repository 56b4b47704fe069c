"""The main flow of a user: upload, submit, watch, download."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from tests.dashboard.conftest import Scenario

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1440, 375])
def test_from_files_to_a_checkpoint(scenario: Scenario, corpus: Path, width: int) -> None:
    found = scenario("main_flow", width=width, corpus=str(corpus))
    with zipfile.ZipFile(found["zip"]) as archive:
        assert archive.testzip() is None
        manifest = json.loads(_member(archive, "manifest.json"))
        for file in manifest["files"]:
            assert hashlib.sha256(_member(archive, file["path"])).hexdigest() == file["sha256"]
    assert found["model"] in {file["sha256"] for file in manifest["files"]}


def _member(archive: zipfile.ZipFile, path: str) -> bytes:
    [name] = [name for name in archive.namelist() if name.endswith(f"/{path}")]
    return archive.read(name)
