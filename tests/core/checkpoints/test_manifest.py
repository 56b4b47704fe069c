"""A manifest is valid, or refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.checkpoints.manifest import MANIFEST, ManifestError, read_manifest

WHOLE: dict[str, Any] = {
    "format": 1,
    "step": 5,
    "spec_sha256": "a",
    "data_key": "b",
    "created": "2026-01-01T00:00:00Z",
    "metrics": {"eval/loss": 1.5, "eval/other": "nan"},
    "files": [{"path": "trainer/state.json", "bytes": 1, "sha256": "c"}],
}


def test_a_valid_manifest_is_read(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(WHOLE))
    assert read_manifest(tmp_path).step == 5


@pytest.mark.parametrize(
    "change",
    [
        {"step": "5"},
        {"step": True},
        {"created": 5},
        {"metrics": [1]},
        {"metrics": {"a": []}},
        {"files": [5]},
        {"files": [{"path": "a"}]},
        {"files": [{"path": 5, "bytes": 1, "sha256": "c"}]},
        {"files": [{"path": "a", "bytes": "1", "sha256": "c"}]},
        {"files": [{"path": "../a", "bytes": 1, "sha256": "c"}]},
        {"files": [{"path": "/a", "bytes": 1, "sha256": "c"}]},
        {"more": 1},
    ],
)
def test_a_malformed_one_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(WHOLE | change))
    with pytest.raises(ManifestError):
        read_manifest(tmp_path)


@pytest.mark.parametrize("content", [b"", b"5", b"[]", b"[" * 100_000, b"\xff", b"null"])
def test_content_that_is_no_manifest_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MANIFEST).write_bytes(content)
    with pytest.raises(ManifestError):
        read_manifest(tmp_path)
