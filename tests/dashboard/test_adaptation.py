"""What of a network is trained, chosen in the form of a job."""

from pathlib import Path

import pytest

from tests.core.image_jobs import striped_images
from tests.dashboard.conftest import Running, Scenario

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (375, "dark")])
def test_the_form_asks_fine_tuning_tasks_what_is_trained(
    scenario: Scenario, service: Running, tmp_path: Path, width: int, theme: str
) -> None:
    with service.client() as client:
        made = client.post("/v1/datasets", json={"name": f"classes {width}", "modality": "image"})
        path = f"/v1/datasets/{made.raise_for_status().json()['id']}"
        archive = striped_images(tmp_path / "images.zip", count=200).read_bytes()
        client.put(f"{path}/files/images.zip", content=archive).raise_for_status()
        dataset = client.post(f"{path}/complete").raise_for_status().json()["id"]
    scenario("adaptation", width=width, theme=theme, dataset=dataset)
