"""A lineage of three stages is submitted from the dashboard, watched, and its forgetting matrix read; by the real engine."""

import pydoc_data.topics
from collections.abc import Callable

import pytest

from tests.dashboard.conftest import Running, Scenario
from tests.worker.conftest import eventually

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def subjects(service: Running) -> list[str]:
    """Ids of three small datasets of different texts."""
    topics = list(pydoc_data.topics.topics.values())
    found = []
    with service.client() as client:
        for number, name in enumerate(("statements", "expressions", "data model")):
            made = client.post("/v1/datasets", json={"name": name}).raise_for_status().json()["id"]
            content = "\f".join(topics[number::3]).encode()[:60_000]
            client.put(f"/v1/datasets/{made}/files/{number}.txt", content=content).raise_for_status()
            client.post(f"/v1/datasets/{made}/complete").raise_for_status()
            found.append(made)
    return found


@pytest.mark.parametrize(("width", "theme"), [(1440, "light")])
def test_three_stages_are_submitted_and_watched(
    scenario: Scenario,
    service: Running,
    submit: Callable[..., str],
    subjects: list[str],
    width: int,
    theme: str,
) -> None:
    job = submit(f"subject at {width}", steps=30, checkpoint_every=30, evaluate_every=30)
    with service.client() as client:
        client.post(f"/v1/jobs/{job}/cancel")
        eventually(
            lambda: client.get(f"/v1/jobs/{job}").json()["state"] in {"cancelled", "succeeded"}, "its end"
        )
        found = scenario(
            "lineages", width=width, theme=theme, job=job, datasets=["the job's own", *subjects[1:]]
        )
        (lineage, *_) = client.get("/v1/lineages").json()["data"]
        shown = client.get(f"/v1/lineages/{lineage['id']}").json()
    assert lineage["state"] == "succeeded"
    assert shown["spec"]["continual"] == {"lwf": {}}
    assert [stage["dataset"] for stage in lineage["stages"]][1:] == subjects[1:]
    assert len(found["matrix"]) == 9
    assert found["learned"] == [stage["dataset_name"] for stage in lineage["stages"]]
