"""Weights & Biases offline, and a real MLflow server: attempts continue one run, without duplicate points."""

import os
import socket
import struct
import subprocess
import sysconfig
import venv
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from mlflow import MlflowClient
from wandb.proto.wandb_internal_pb2 import Record

from tests.worker.conftest import eventually
from worker.engine import clean_environment
from worker.tracking.process import Kind, SinkProcess, Trouble
from worker.tracking.sink import Opening

SECONDS = 120.0
ATTEMPTS = ((1, 0, (1, 2, 3), "failed"), (2, 2, (3, 4), "completed"))
"""Number, first step before it, steps and ending of each attempt."""


def _feed(module: str, options: dict[str, str]) -> list[Trouble]:
    """Two attempts at a job, of which the second does a step again."""
    told: list[Trouble] = []
    kind = Kind("Sink", f"worker.tracking.{module}", options, clean_environment("cpu"))
    before: SinkProcess | None = None
    for number, start, steps, ending in ATTEMPTS:
        opening = Opening("job_x", "a run", number, start, {"training": {"epochs": 1.5}}, options)
        sink = SinkProcess(kind, opening, told.append, seconds=SECONDS, after=before)
        for step in steps:
            sink.points(step, 1_700_000_000.0 + step, {"train/loss": step / 10})
        sink.end(ending)
        before = sink
    assert before is not None
    assert before.join(SECONDS)
    return told


def _history(path: Path) -> list[tuple[int, float]]:
    """Steps and losses in a file of a run: after seven bytes, records of a CRC, a length, a kind (1: whole) and a protocol buffer."""
    data, found = path.read_bytes()[7:], []
    while data:
        length, kind = struct.unpack("<HB", data[4:7])
        assert kind == 1
        record = Record.FromString(data[7 : 7 + length])
        if record.WhichOneof("record_type") == "run":
            assert record.run.run_id == "job_x"
        values = {".".join(item.nested_key) or item.key: item.value_json for item in record.history.item}
        if values:
            found.append((int(values["_step"]), float(values["train/loss"])))
        data = data[7 + length :]
    return found


def test_weights_and_biases_offline_continues_without_duplicates(tmp_path: Path) -> None:
    told = _feed("to_wandb", {"project": "p", "mode": "offline", "directory": str(tmp_path)})
    assert not told
    files = sorted(tmp_path.glob("wandb/offline-run-*/run-job_x.wandb"))
    assert sorted(point for path in files for point in _history(path)) == [
        (1, 0.1),
        (2, 0.2),
        (3, 0.3),
        (4, 0.4),
    ]


@pytest.fixture
def mlflow_server(tmp_path: Path) -> Iterator[str]:
    """The address of a real MLflow server.

    The whole package mlflow is not among the locked ones, so it is installed into an environment of its own, with what it
    needs beyond the packages of this one, unless the variable SEEDBED_TEST_MLFLOW names its command.
    """
    command = os.environ.get("SEEDBED_TEST_MLFLOW")
    if command is None:
        home = tmp_path / "environment"
        venv.create(home, with_pip=False)
        [packages] = (home / "lib").glob("python*/site-packages")
        (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
        done = subprocess.run(
            [
                *(home / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-compile"),
                f"mlflow=={version('mlflow-skinny')}",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"mlflow cannot be installed from the package index: {done.stderr[-300:]}")
        command = str(home / "bin" / "mlflow")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    arguments = ["server", "--host", "127.0.0.1", "--port", str(port), "--backend-store-uri", store]
    with subprocess.Popen(
        [command, *arguments, "--workers", "1"],
        cwd=tmp_path,
        env={**os.environ, "HOME": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as server:
        try:

            def answers() -> bool:
                with socket.socket() as probe:
                    return probe.connect_ex(("127.0.0.1", port)) == 0

            eventually(answers, "the MLflow server", SECONDS)
            yield f"http://127.0.0.1:{port}"
        finally:
            os.killpg(server.pid, 9)


def test_mlflow_continues_the_run_of_the_job(mlflow_server: str) -> None:
    told = _feed("to_mlflow", {"tracking_uri": mlflow_server, "experiment": "seedbed"})
    assert not told
    client = MlflowClient(tracking_uri=mlflow_server)
    experiment = client.get_experiment_by_name("seedbed")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(run.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in history] == [(1, 0.1), (2, 0.2), (3, 0.3), (4, 0.4)]
    assert (run.info.status, run.info.run_name) == ("FINISHED", "a run")
    assert run.data.params == {"training.epochs": "1.5"}
    assert run.data.tags["seedbed_job"] == "job_x"
