"""The dashboard's files and their response headers."""

from pathlib import Path

import httpx
import pytest

from control.settings import Settings
from tests.api.conftest import problem

HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def server_settings(environment: Settings, tmp_path: Path) -> Settings:
    directory = tmp_path / "dist"
    (directory / "assets").mkdir(parents=True)
    (directory / "index.html").write_text("<!doctype html><title>Seedbed</title>")
    (directory / "assets" / "app-1a2b3c.js").write_text("console.log(1)")
    return environment.model_copy(update={"dashboard_directory": directory})


def test_every_page_of_the_dashboard_is_its_index(anonymous: httpx.Client, subtests: pytest.Subtests) -> None:
    for path in ("/", "/jobs", "/jobs/job_00000000000000000000000000", "/datasets/new"):
        with subtests.test(path):
            answer = anonymous.get(path, headers=HTML)
            assert answer.status_code == 200
            assert "<title>Seedbed</title>" in answer.text
            assert answer.headers["cache-control"] == "no-cache"
            policy = answer.headers["content-security-policy"]
            assert "default-src 'self'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-content-type-options"] == "nosniff"


def test_assets_are_kept_for_a_year(anonymous: httpx.Client) -> None:
    answer = anonymous.get("/assets/app-1a2b3c.js")
    assert "javascript" in answer.headers["content-type"]
    assert "immutable" in answer.headers["cache-control"]
    problem(anonymous.get("/assets/app-absent.js"), 404, "route_not_found")


def test_nothing_outside_the_directory_is_served(anonymous: httpx.Client, subtests: pytest.Subtests) -> None:
    for path in ("/%2e%2e/storage", "/..%2f..%2fetc%2fpasswd", "/assets/%2e%2e/%2e%2e/x", "/%00"):
        with subtests.test(path):
            request = anonymous.build_request("GET", "/")
            request.url = request.url.copy_with(raw_path=path.encode())
            problem(anonymous.send(request), 404, "route_not_found")


def test_the_api_is_never_a_page(
    client: httpx.Client, anonymous: httpx.Client, subtests: pytest.Subtests
) -> None:
    for path in ("/v1/nothing", "/v1/", "/v1/jobs/x/nothing"):
        with subtests.test(path):
            problem(client.get(path, headers=HTML), 404, "route_not_found")
    problem(client.get("/v1/datasets/ds_00000000000000000000000000/complete"), 405, "method_not_allowed")
    problem(client.post("/v1/nothing"), 404, "route_not_found")
    problem(anonymous.get("/v1/jobs", headers=HTML), 401, "key_missing")
    answer = client.get("/v1/jobs")
    assert answer.headers["cache-control"] == "no-store"


def test_the_reference_needs_nothing_from_elsewhere(anonymous: httpx.Client) -> None:
    page = anonymous.get("/docs")
    assert page.status_code == 200
    assert "uploadFile" in page.text
    assert "<script" not in page.text
    assert "http://" not in page.text.replace("https://", "")
    for operations in anonymous.get("/openapi.json").json()["paths"].values():
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in page.text
    assert anonymous.get("/docs.css").headers["content-type"].startswith("text/css")
