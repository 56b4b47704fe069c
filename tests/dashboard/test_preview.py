"""A preview in the dashboard: on images, by the real engine."""

from pathlib import Path

import pytest

from tests.core.image_jobs import image_job, striped_images
from tests.dashboard.conftest import Running, Scenario

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "theme"), [(1440, "dark"), (375, "light")])
def test_a_preview_is_shown_and_requested_again(
    scenario: Scenario, service: Running, tmp_path: Path, width: int, theme: str
) -> None:
    archive = striped_images(tmp_path / "images.zip", count=48).read_bytes()
    with service.client() as client:
        made = client.post("/v1/datasets", json={"name": f"stripes {width}", "modality": "image"})
        path = f"/v1/datasets/{made.raise_for_status().json()['id']}"
        client.put(f"{path}/files/images.zip", content=archive).raise_for_status()
        dataset = client.post(f"{path}/complete").raise_for_status().json()["id"]
        job = client.post("/v1/jobs", json=image_job("masked_autoencoder") | {"dataset": dataset})
        found = scenario("preview", width=width, theme=theme, job=job.raise_for_status().json()["id"])
        first, second = (client.get(found[name]).raise_for_status().content for name in ("first", "second"))
    assert first.startswith(b"\x89PNG")
    assert first != second, "another step, other crops and masks"
