"""A service beside which the package of `docs/your-own-task.md` is installed: everything of it knows the task."""

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests import own_task
from tests.core.tasks.image_tasks import coloured_pictures
from tests.standalone.test_up import command, up
from tests.worker.conftest import eventually

OVER = {"succeeded", "failed", "cancelled"}


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory on the path of all processes, with the package installed."""
    found = own_task.install(own_task.write(tmp_path), tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", f"{own_task.ROOT}{os.pathsep}{found}")
    return found


def test_interface_command_line_and_worker_know_the_task(
    site: Path, server_directory: Path, tmp_path: Path
) -> None:
    home = server_directory / "own"
    pictures = coloured_pictures(tmp_path / "images.zip")
    with up(home, tmp_path / "log.txt") as service:
        key = {"Authorization": f"Bearer {service.client['key']}"}
        with httpx.Client(base_url=service.client["url"], headers=key, timeout=60) as client:
            task = client.get("/v1/tasks/mirror").json()
            assert task["package"] == "seedbed-mirror"
            assert task["title"] == "Mirror prediction"
            assert "eval/mirror_accuracy" in [name for metric in task["metrics"] for name in metric["series"]]
            assert client.get("/v1/tasks").json()["data"][-1] == task
            form = client.get("/v1/jobs/schema").json()
            assert "mirror" in form["properties"]["task"]["discriminator"]["mapping"]

            shown = _seedbed(service.client, "task", "show", "mirror")
            assert "Choose this if left and right differ" in shown
            recipe = json.loads(_seedbed(service.client, "task", "spec", "mirror", "smoke", "--json"))

            dataset = client.post("/v1/datasets", json={"name": "pictures", "modality": "image"}).json()["id"]
            client.put(
                f"/v1/datasets/{dataset}/files/images.zip", content=pictures.read_bytes()
            ).raise_for_status()
            client.post(f"/v1/datasets/{dataset}/complete").raise_for_status()
            recipe["dataset"] = dataset
            recipe["training"] |= {
                "steps": 4,
                "batch_size": 8,
                "evaluate_every": 2,
                "schedule": {"kind": "constant"},
            }
            recipe["data"] = {"image": {"size": 16}, "held_out_fraction": 0.25}
            job = client.post("/v1/jobs", json=recipe)
            assert job.status_code == 201, job.text
            where = f"/v1/jobs/{job.json()['id']}"
            eventually(lambda: client.get(where).json()["state"] in OVER, "the job's end")
            ended = client.get(where).json()
            assert ended["state"] == "succeeded", ended["failure"]
            assert "eval/mirror_accuracy" in ended["latest"]

            told = command(home, "doctor").stdout
            assert "mirror of seedbed-mirror" in told


def test_with_a_broken_package_the_service_starts_and_names_it(
    site: Path, server_directory: Path, tmp_path: Path
) -> None:
    (site / "mirror" / "spec.py").write_text("import no_such_module\n")
    home = server_directory / "broken"
    with up(home, tmp_path / "log.txt") as service:
        assert len(service.get("/v1/tasks").json()["data"]) >= 13
        missing = service.get("/v1/tasks/mirror")
        assert missing.status_code == 404
        assert "seedbed-mirror" in missing.json()["detail"]
        assert "no_such_module" in missing.json()["detail"]
        eventually(lambda: service.get("/v1/workers").json()["data"], "the worker's registration")
        told = command(home, "doctor").stdout
        assert "seedbed-mirror" in told
        assert "no_such_module" in told
        logs = "".join(path.read_text() for path in home.rglob("*.log")) + service.log
        assert logs.count("The task 'mirror' of the package seedbed-mirror") >= 2, (
            "the API's log and the worker's"
        )


def _seedbed(client: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "import sys; from seedbed.cli import main; sys.exit(main())", *arguments],
        env=os.environ | {"SEEDBED_URL": client["url"], "SEEDBED_KEY": client["key"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
