"""The playground of checkpoints in the dashboard: text, images and generated images, computed by a real worker."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.core.image_jobs import image_job, striped_images
from tests.dashboard.conftest import Running, Scenario
from tests.worker.conftest import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def pictures(service: Running, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A dataset of images, and one of them as a file."""
    directory = tmp_path_factory.mktemp("pictures")
    archive = striped_images(directory / "images.zip", count=48)
    with zipfile.ZipFile(archive) as opened:
        picture = directory / "picture.png"
        picture.write_bytes(opened.read(min(opened.namelist())))
    with service.client() as client:
        made = client.post("/v1/datasets", json={"name": "stripes to try", "modality": "image"})
        path = f"/v1/datasets/{made.raise_for_status().json()['id']}"
        client.put(f"{path}/files/images.zip", content=archive.read_bytes()).raise_for_status()
        return client.post(f"{path}/complete").raise_for_status().json()["id"], picture


@pytest.fixture(scope="module")
def jobs() -> dict[str, str]:
    """Ids of the jobs, trained once for both widths."""
    return {}


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (1440, "dark"), (375, "light")])
def test_checkpoints_are_tried_out(
    scenario: Scenario,
    service: Running,
    submit: Callable[..., str],
    pictures: tuple[str, Path],
    jobs: dict[str, str],
    width: int,
    theme: str,
) -> None:
    dataset, picture = pictures
    with service.client() as client:
        if not jobs:
            jobs["masked"] = submit("to fill", steps=4)
            jobs["causal"] = submit("to continue", {"kind": "causal_lm"}, steps=4)
            generating = image_job("gan") | {"model": {"preset": "dcgan-mini"}}
            for name, document in (("image", image_job("masked_autoencoder")), ("gan", generating)):
                job = client.post("/v1/jobs", json=document | {"dataset": dataset})
                assert job.status_code == 201, job.text
                jobs[name] = job.json()["id"]

        def state(job: str) -> str:
            return str(client.get(f"/v1/jobs/{job}").json()["state"])

        for job in jobs.values():
            eventually(lambda job=job: state(job) in {"succeeded", "failed"}, "the end of the job")
            assert state(job) == "succeeded"
    scenario("playground", width=width, theme=theme, picture=str(picture), **jobs)
