"""Names of any script and length: shown unchanged, without widening a page."""

from pathlib import Path

import httpx
import pytest

from control.names import LONGEST_NAME
from tests.dashboard.conftest import Running, Scenario

pytestmark = pytest.mark.browser

NAMES = (
    "🌱👩🏽‍🔬🇮🇷 e\u0301te\u0301",
    "می\u200cخواهم: پایان\u200cنامه (۲)",
    "שלום world 12!",
    "two  spaces, and   three",
    "w" * LONGEST_NAME,
    "🌱" * LONGEST_NAME,
    ("نام دراز " * LONGEST_NAME)[: LONGEST_NAME - 1] + "د",
)
FILES = ("Screenshot at 9.41.07\u202fAM.txt", "پرونده\u200cها.txt", "long " + "w" * 240 + ".txt")


@pytest.fixture
def rows(service: Running, dataset: str) -> list[dict[str, str]]:
    """A dataset and a job for each name, with their ids."""
    spec = {"dataset": dataset, "task": {"kind": "masked_lm"}, "training": {"steps": 1_000_000}}
    with service.client() as client:
        return [_pair(client, name, spec) for name in NAMES]


def _pair(client: httpx.Client, name: str, spec: dict[str, object]) -> dict[str, str]:
    made = client.post("/v1/datasets", json={"name": name}).raise_for_status().json()["id"]
    job = client.post("/v1/jobs", json={**spec, "name": name}).raise_for_status().json()["id"]
    client.post(f"/v1/jobs/{job}/cancel").raise_for_status()
    return {"name": name, "dataset": made, "job": job}


def test_names_of_any_script_and_length(
    scenario: Scenario, service: Running, rows: list[dict[str, str]], corpus: Path, tmp_path: Path
) -> None:
    for name in FILES:
        (tmp_path / name).write_bytes(corpus.read_bytes())
    found = scenario("names", rows=rows, files=[str(tmp_path / name) for name in FILES], names=NAMES[:2])
    with service.client() as client:
        dataset = client.get(f"/v1/datasets/{found['dataset']}").json()
        assert (dataset["name"], client.get(f"/v1/jobs/{found['job']}").json()["name"]) == NAMES[:2]
        assert {file["name"] for file in dataset["file_list"]} == set(FILES)
        answer = client.get(f"/v1/jobs/{rows[-1]['job']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "job_not_found")
