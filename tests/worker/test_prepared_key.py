"""The worker's key of prepared data equals the engine's."""

from pathlib import Path
from typing import Any

import pytest

from control.scheduling.claims import Claim, ClaimedFile
from core.data import audio, image, text
from core.data.files import DataFile
from core.formats.tables.reading import ReadingOptions
from core.spec.job import JobSpec
from worker.workspace import prepared_key_of

TASKS: dict[str, tuple[Any, Any]] = {
    "masked_lm": (text, {"text_column": "body", "tokenizer": {"vocabulary_size": 300}}),
    "rotation": (image, {"image": {"size": 16}}),
    "wav2vec2": (audio, {"audio": {"sampling_rate": 8000}}),
}


def _claim(kind: str, data: dict[str, Any], *files: ClaimedFile) -> Claim:
    document = {"name": "one", "task": {"kind": kind}, "training": {"steps": 1}, "data": data}
    spec = JobSpec.model_validate(document).model_dump(mode="json")
    return Claim("job_1", "prj_1", 1, spec, files, (), 30.0)


def _file(name: str = "a.parquet", digest: str = "1", reading: dict[str, Any] | None = None) -> ClaimedFile:
    return ClaimedFile(name, digest * 64, 10, f"blobs/{digest}", reading or {})


@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("reading", [None, {"column": "body"}], ids=["as found", "column named"])
def test_the_key_equals_that_of_the_engine(kind: str, reading: dict[str, Any] | None) -> None:
    module, data = TASKS[kind]
    files = [_file("b.parquet", "2"), _file(reading=reading)]
    claim = _claim(kind, data, *files)
    named = [DataFile(f.name, Path("anywhere"), f.sha256, ReadingOptions.of(f.reading)) for f in files]
    assert prepared_key_of(claim) == module.cache_key(named, JobSpec.model_validate(claim.spec).data)


def test_another_length_of_clips_has_the_same_key() -> None:
    short = _claim("wav2vec2", {"audio": {"clip_seconds": 1.0}}, _file("a.wav"))
    long = _claim("wav2vec2", {"audio": {"clip_seconds": 9.0}}, _file("a.wav"))
    assert prepared_key_of(short) == prepared_key_of(long)
    other = _claim("wav2vec2", {"audio": {"sampling_rate": 8000}}, _file("a.wav"))
    assert prepared_key_of(other) != prepared_key_of(short)


def test_a_spec_of_another_version_has_a_key_of_its_own() -> None:
    claim = _claim("masked_lm", {}, _file())
    strange = Claim("job_1", "prj_1", 1, {**claim.spec, "version": 99}, claim.files, (), 30.0)
    assert prepared_key_of(strange) != prepared_key_of(claim)
