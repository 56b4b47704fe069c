"""Datasets of audio over HTTP: their statistics, their previews, and the tasks that may use them."""

import io
import zipfile
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.api.conftest import problem
from tests.core.archives import tarred


def recording(seed: int, seconds: float = 0.5, rate: int = 8000, channels: int = 1) -> bytes:
    out = io.BytesIO()
    samples = np.random.default_rng(seed).uniform(-0.5, 0.5, (round(seconds * rate), channels))
    soundfile.write(out, samples, rate, format="WAV")
    return out.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def path(client: httpx.Client) -> str:
    opened = client.post("/v1/datasets", json={"name": "voices", "modality": "audio"})
    assert (opened.status_code, opened.json()["modality"]) == (201, "audio")
    return f"/v1/datasets/{opened.json()['id']}"


def test_recordings_are_counted_and_shown(client: httpx.Client, path: str) -> None:
    members = {f"one/1_anna_{n}.wav": recording(n) for n in range(3)}
    members |= {"two/2_bert_0.wav": recording(9, 1.0, 16000, 2), "two/again.wav": recording(0)}
    members |= {"two/broken.wav": recording(10)[:-80], "README.md": b"hello"}
    file = client.put(f"{path}/files/voices.zip", content=archive(members)).json()
    assert (file["kind"], file["samples"], file["bad"]) == ("zip", 5, 1)
    assert client.put(f"{path}/files/more.wav", content=recording(20)).json()["samples"] == 1

    ready = client.post(f"{path}/complete").json()
    assert (ready["state"], ready["samples"]) == ("ready", 6)
    statistics = ready["statistics"]
    assert statistics["hours"] * 3600 == pytest.approx(3.5)
    assert statistics["sampling_rates"] == [
        {"hertz": 8000, "recordings": 5},
        {"hertz": 16000, "recordings": 1},
    ]
    assert statistics["channels"] == [
        {"channels": 1, "recordings": 5},
        {"channels": 2, "recordings": 1},
    ]
    assert statistics["length_histogram"] == [
        {"from_seconds": 0.4, "to_seconds": 0.8, "recordings": 5},
        {"from_seconds": 0.8, "to_seconds": 1.6, "recordings": 1},
    ]
    assert statistics["classes"] == [{"name": "one", "recordings": 3}, {"name": "two", "recordings": 2}]
    assert (statistics["silent_share"], statistics["clipped_share"]) == (0.0, 0.0)
    assert (statistics["bad"], statistics["duplicates"], statistics["unlabelled"]) == (1, 1, 1)
    assert statistics["bad_samples"][0]["sample"] == "two/broken.wav"
    assert "one/1_anna_0.wav" in statistics["names"]

    sheet = client.get(f"{path}/contact-sheet", params={"columns": 3})
    assert sheet.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(sheet.content)).size == (3 * 164 - 4, 2 * 124 - 4)
    problem(client.get(f"{path}/preview"), 409, "wrong_modality", "dataset")


def test_bad_samples_of_a_tar_are_counted_by_name(client: httpx.Client, path: str) -> None:
    members = {f"{n}.wav": recording(n) for n in range(3)} | {
        "none.wav": recording(1, 0.0),
        "cut.wav": recording(2)[:-80],
    }
    put = client.put(f"{path}/files/some.tar", content=tarred(members))
    assert put.status_code == 201
    assert (put.json()["samples"], put.json()["bad"]) == (3, 2)
    statistics = client.post(f"{path}/complete").json()["statistics"]
    assert statistics["bad"] == 2
    assert [one["sample"] for one in statistics["bad_samples"]] == [*members][3:]


def test_files_that_are_no_recordings_are_refused_by_name(client: httpx.Client, path: str) -> None:
    problem(client.put(f"{path}/files/a.txt", content=b"text"), 422, "unknown_format", "file")
    problem(client.put(f"{path}/files/a.wav", content=recording(1)[:500]), 422, "truncated_audio", "file")
    problem(client.put(f"{path}/files/a.wav", content=b"RIFFxxxxWAVE" * 9), 422, "truncated_audio", "file")
    problem(client.put(f"{path}/files/a.flac", content=b"x" * 99), 422, "bad_audio", "file")
    climbing = archive({"ok.wav": recording(1), "../b.wav": recording(2)})
    problem(client.put(f"{path}/files/a.zip", content=climbing), 422, "archive_path_escapes", "file")
    problem(client.put(f"{path}/files/a.zip", content=archive({"a.txt": b"x"})), 422, "no_audio", "file")
    problem(client.post(f"{path}/complete"), 409, "dataset_empty", "dataset")


def test_jobs_that_do_not_fit_the_dataset_are_refused(client: httpx.Client, path: str) -> None:
    client.put(f"{path}/files/a.zip", content=archive({f"{n}.wav": recording(n) for n in range(5)}))
    ready = client.post(f"{path}/complete").json()
    spec: dict[str, Any] = {
        "name": "x",
        "dataset": ready["id"],
        "task": {"kind": "wav2vec2"},
        "training": {"steps": 1, "batch_size": 64},
    }
    for changed, code in (
        ({"task": {"kind": "masked_lm"}}, "modality_mismatch"),
        ({}, "dataset_too_small"),
    ):
        answer = client.post("/v1/jobs", json=spec | changed)
        assert answer.status_code == 422
        assert code in [error["code"] for error in answer.json()["errors"]]
    fitting = spec | {"training": {"steps": 1, "batch_size": 4}}
    assert client.post("/v1/jobs", json=fitting).status_code == 201
