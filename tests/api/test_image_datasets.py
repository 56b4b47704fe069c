"""Datasets of images over HTTP: their statistics, their previews, and the tasks that may use them."""

import io
import zipfile
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.api.conftest import problem
from tests.core.archives import tarred


def picture(seed: int, width: int = 20, height: int = 16) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def path(client: httpx.Client) -> str:
    opened = client.post("/v1/datasets", json={"name": "pets", "modality": "image"})
    assert (opened.status_code, opened.json()["modality"]) == (201, "image")
    return f"/v1/datasets/{opened.json()['id']}"


def test_images_are_counted_and_shown(client: httpx.Client, path: str) -> None:
    members = {f"train/cat/{n}.png": picture(n) for n in range(3)}
    members |= {
        "train/dog/0.png": picture(8, 30, 30),
        "test/dog/1.png": picture(9),
        "train/cat/9.png": picture(0),
    }
    members |= {"train/dog/broken.png": picture(10)[:-80], "README.md": b"hello"}
    put = client.put(f"{path}/files/pets.zip", content=archive(members))
    assert put.status_code == 201
    file = put.json()
    assert (file["kind"], file["samples"], file["documents"], file["bad"]) == ("zip", 6, 0, 1)
    assert client.put(f"{path}/files/more.png", content=picture(20)).json()["samples"] == 1

    ready = client.post(f"{path}/complete").json()
    assert (ready["state"], ready["samples"], ready["documents"]) == ("ready", 7, 0)
    statistics = ready["statistics"]
    assert statistics["sizes"] == [
        {"width": 20, "height": 16, "images": 6},
        {"width": 30, "height": 30, "images": 1},
    ]
    assert statistics["classes"] == [{"name": "cat", "images": 4}, {"name": "dog", "images": 2}]
    counts = {name: statistics[name] for name in ("bad", "duplicates", "held_out", "unlabelled", "gray")}
    assert counts == {"bad": 1, "duplicates": 1, "held_out": 1, "unlabelled": 1, "gray": 0}
    (bad,) = statistics["bad_samples"]
    assert bad["sample"] == "train/dog/broken.png"
    assert "decoded" in bad["reason"]
    assert statistics["mean"] == pytest.approx([0.5] * 3, abs=0.05)
    assert client.get("/v1/datasets").json()["data"][0]["samples"] == 7

    sheet = client.get(f"{path}/contact-sheet", params={"columns": 4})
    assert sheet.headers["content-type"] == "image/png"
    shown = Image.open(io.BytesIO(sheet.content))
    assert shown.size == (4 * 66 - 2, 2 * 66 - 2)  # six different ones: a repeat is not shown again
    assert np.asarray(shown)[..., 3][65:, 66 * 2 :].max() == 0
    one = client.get(f"{path}/contact-sheet", params={"images": 1}).content
    assert Image.open(io.BytesIO(one)).size == (64, 64)


def test_bad_samples_of_a_tar_are_counted_by_name(client: httpx.Client, path: str) -> None:
    members = {f"{n}.png": picture(n) for n in range(3)} | {
        "one.png": picture(1, 1, 1),
        "cut.png": picture(2)[:-80],
    }
    put = client.put(f"{path}/files/some.tar", content=tarred(members))
    assert put.status_code == 201
    assert (put.json()["samples"], put.json()["bad"]) == (3, 2)
    statistics = client.post(f"{path}/complete").json()["statistics"]
    assert statistics["bad"] == 2
    assert [one["sample"] for one in statistics["bad_samples"]] == [*members][3:]


def test_files_that_are_no_images_are_refused_by_name(client: httpx.Client, path: str) -> None:
    problem(client.put(f"{path}/files/a.txt", content=b"text"), 422, "unknown_format", "file")
    problem(client.put(f"{path}/files/a.png", content=picture(1)[:50]), 422, "bad_image", "file")
    climbing = archive({"ok.png": picture(1), "../b.png": picture(2)})
    problem(client.put(f"{path}/files/a.zip", content=climbing), 422, "archive_path_escapes", "file")
    problem(client.put(f"{path}/files/a.zip", content=archive({"a.txt": b"x"})), 422, "no_images", "file")
    problem(client.post(f"{path}/complete"), 409, "dataset_empty", "dataset")


def test_an_image_in_a_text_dataset_is_refused(client: httpx.Client, dataset_id: str) -> None:
    answer = client.put(f"/v1/datasets/{dataset_id}/files/a.png", content=picture(1))
    problem(answer, 422, "unknown_format", "file")
    assert "dataset of images" in answer.json()["detail"]


def test_each_modality_has_its_own_preview(client: httpx.Client, path: str, dataset_id: str) -> None:
    wrong = client.get(f"{path}/preview")
    problem(wrong, 409, "wrong_modality", "dataset")
    assert f"{path}/contact-sheet" in wrong.json()["detail"]
    problem(client.get(f"/v1/datasets/{dataset_id}/contact-sheet"), 409, "wrong_modality", "dataset")


def test_a_text_task_does_not_learn_from_images(client: httpx.Client, path: str) -> None:
    client.put(f"{path}/files/a.zip", content=archive({f"{n}.png": picture(n) for n in range(9)}))
    ready = client.post(f"{path}/complete").json()
    spec: dict[str, Any] = {
        "name": "x",
        "dataset": ready["id"],
        "task": {"kind": "masked_lm"},
        "training": {"steps": 1, "batch_size": 1},
    }
    answer = client.post("/v1/jobs", json=spec)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["param"], error["code"]) == ("dataset", "modality_mismatch")
    assert "learns from text" in error["message"]
