"""A model that transformers saved is uploaded in the dashboard, and a job goes on with it."""

import shutil
from pathlib import Path

import pytest

from tests.core.published_models import saved
from tests.dashboard.conftest import Running, Scenario

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "theme"), [(1440, "light"), (375, "dark")])
def test_a_job_goes_on_with_an_uploaded_model(
    scenario: Scenario, service: Running, tmp_path: Path, width: int, theme: str
) -> None:
    model, harmful = tmp_path / "somebody whose model has a long name", tmp_path / "harmful"
    saved("bert", model)
    shutil.copytree(model, harmful)
    (harmful / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with service.client() as client:
        path = f"/v1/datasets/{client.post('/v1/datasets', json={'name': 'words'}).json()['id']}"
        text = "\f".join(f"the cat sat on the red mat and then ran {number}" for number in range(3000))
        client.put(f"{path}/files/a.txt", content=text.encode()).raise_for_status()
        dataset = client.post(f"{path}/complete").raise_for_status().json()["id"]
        found = scenario(
            "models", width=width, theme=theme, model=str(model), harmful=str(harmful), dataset=dataset
        )
        job = client.get(f"/v1/jobs/{found['job']}").raise_for_status().json()
        client.post(f"/v1/jobs/{found['job']}/cancel")
    assert job["parent"]["job"] is None
    assert job["spec"]["model"]["config"]["hidden_act"] == "relu"
    tokenizer = job["spec"]["data"]["tokenizer"]
    assert tokenizer["kind"] == "checkpoint"
    assert tokenizer["add_tokens"] == ["kubernetes", "<user>"]
