"""The README's screenshot of the dashboard, of a real job.

``SEEDBED_PICTURE=docs/images/dashboard-job.png ./run test tests/dashboard/test_picture.py`` takes it anew.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.dashboard.conftest import Running, Scenario
from tests.worker.conftest import eventually

pytestmark = pytest.mark.browser

STEPS = 120


def test_the_page_of_a_finished_job_shows_its_chart(
    scenario: Scenario, service: Running, submit: Callable[..., str], tmp_path: Path
) -> None:
    job = submit("python-docs", steps=STEPS, evaluate_every=20, checkpoint_every=40, batch_size=8)
    with service.client() as client:
        eventually(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "succeeded", "the job's end")
    picture = Path(os.environ.get("SEEDBED_PICTURE", tmp_path / "job.png")).absolute()
    found = scenario("picture", job=job, steps=STEPS, picture=str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert found["painted"] > 0.001 * found["pixels"], "the chart is empty"
