"""A job of another task starts from the encoder of a checkpoint: in the dashboard, by the real engine."""

from pathlib import Path

import pytest

from tests.core.image_jobs import image_job, striped_images
from tests.dashboard.conftest import Running, Scenario
from tests.worker.conftest import eventually

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (375, "dark")])
def test_an_encoder_starts_a_job_of_another_task(
    scenario: Scenario, service: Running, tmp_path: Path, width: int, theme: str
) -> None:
    archive = striped_images(tmp_path / "images.zip", count=48).read_bytes()
    with service.client() as client:
        made = client.post("/v1/datasets", json={"name": f"start {width}", "modality": "image"})
        path = f"/v1/datasets/{made.raise_for_status().json()['id']}"
        client.put(f"{path}/files/images.zip", content=archive).raise_for_status()
        dataset = client.post(f"{path}/complete").raise_for_status().json()["id"]
        spec = image_job("masked_autoencoder") | {"dataset": dataset, "name": f"first {width}"}
        job = client.post("/v1/jobs", json=spec).raise_for_status().json()["id"]
        eventually(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "succeeded", "the job's end")
        (checkpoint, *_) = client.get(f"/v1/jobs/{job}/checkpoints").json()["data"]
        found = scenario(
            "starting", width=width, theme=theme, job=job, title=spec["name"], step=checkpoint["step"]
        )
        second = client.get(f"/v1/jobs/{found['job']}").raise_for_status().json()
    assert second["spec"]["task"]["kind"] == "rotation"
    assert second["spec"]["start"] == {"checkpoint": checkpoint["id"], "scope": "encoder"}
    assert second["parent"] == {"job": job, "checkpoint": checkpoint["id"], "scope": "encoder"}
