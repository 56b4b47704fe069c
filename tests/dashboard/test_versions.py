"""A version of a dataset in the dashboard: adding it, what it added, and the job that goes on with what is new."""

import json
import pydoc_data.topics
from pathlib import Path

import pytest

from tests.dashboard.conftest import Running, Scenario
from tests.worker.conftest import eventually

pytestmark = pytest.mark.browser


def _lines(path: Path, texts: list[str]) -> bytes:
    content = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    path.write_bytes(content)
    return content


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_new_data_come_and_a_job_goes_on(
    scenario: Scenario, service: Running, tmp_path: Path, theme: str
) -> None:
    topics = list(pydoc_data.topics.topics.values())
    before = _lines(tmp_path / "may.jsonl", topics[:50])
    after = _lines(tmp_path / "june.jsonl", topics[50:80])
    with service.client() as client:
        made = client.post("/v1/datasets", json={"name": f"growing {theme}"}).raise_for_status()
        path = f"/v1/datasets/{made.json()['id']}"
        client.put(f"{path}/files/may.jsonl", content=before).raise_for_status()
        dataset = client.post(f"{path}/complete").raise_for_status().json()
        spec = {
            "name": f"learner {theme}",
            "dataset": dataset["id"],
            "task": {"kind": "masked_lm"},
            "model": {"layers": 1, "hidden_size": 32, "heads": 2},
            "training": {"steps": 8, "batch_size": 4, "sequence_length": 32, "checkpoint_every": 4},
            "data": {"tokenizer": {"vocabulary_size": 600}},
        }
        job = client.post("/v1/jobs", json=spec).raise_for_status().json()["id"]
        eventually(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "succeeded", "the job's end")
        proposed = client.get(f"{path}/continuation").raise_for_status().json()
        assert proposed["spec"] is None, "the first version has nothing new"
        found = scenario(
            "versions",
            theme=theme,
            width=1440,
            dataset=dataset["id"],
            same=str(tmp_path / "may.jsonl"),
            more=str(tmp_path / "june.jsonl"),
            step=8,
            title=spec["name"],
        )
        version = client.get(f"/v1/datasets/{found['version']}").json()
        second = client.get(f"/v1/jobs/{found['job']}").json()
        client.post(f"/v1/jobs/{found['job']}/cancel")
    assert (version["parent"], version["version"], version["state"]) == (dataset["id"], 2, "ready")
    assert version["added"]["bytes"] == len(after)
    assert f"{version['added']['samples']} new" in found["facts"]
    assert [row.split()[1] for row in found["rows"]] == ["2", "1"]
    assert f"{version['added']['samples']} new" in found["rows"][0]
    assert second["dataset"] == version["id"]
    assert second["spec"]["data"]["files"] == "new"
    assert second["spec"]["training"]["steps"] == 16
    assert second["spec"]["continual"]["replay"] is not None
    assert second["parent"]["job"] == job
