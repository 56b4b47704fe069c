"""The metrics of a job as an event file of TensorBoard, by Python and by the command line."""

import json
from pathlib import Path

import pytest
import seedbed
from seedbed.cli import main

from control.metrics import event_file
from tests.client.conftest import Service, Trainer
from tests.client.faulty_proxy import Fault, FaultyProxy


def points(file: Path) -> list[tuple[str, int, float]]:
    with file.open("rb") as stream:
        return [(point.name, point.step, round(point.value, 2)) for point in event_file.read_scalars(stream)]


def losses(file: Path) -> list[tuple[int, float]]:
    return [(step, value) for name, step, value in points(file) if name == "train/loss"]


def test_python_writes_a_folder_for_each_job_and_replaces_its_file(
    client: seedbed.Client, trainer: Trainer, job: str, tmp_path: Path
) -> None:
    trainer.measure(1, 2)
    file = client.jobs.tensorboard(job, tmp_path / "runs")
    assert file.parent == tmp_path / "runs" / job
    assert "tfevents" in file.name
    assert losses(file) == [(1, 7.99), (2, 7.98)]
    trainer.measure(3)
    assert client.jobs.tensorboard(job, tmp_path / "runs") == file
    assert losses(file) == [(1, 7.99), (2, 7.98), (3, 7.97)]
    assert list(file.parent.iterdir()) == [file]


def test_a_download_that_is_cut_off_leaves_the_earlier_file(
    client: seedbed.Client,
    faulty: seedbed.Client,
    proxy: FaultyProxy,
    trainer: Trainer,
    job: str,
    tmp_path: Path,
) -> None:
    trainer.measure(1)
    before = client.jobs.tensorboard(job, tmp_path).read_bytes()
    trainer.measure(*range(2, 200))
    proxy.troubles.append(Fault(on=b"/tensorboard", cut_after=2500))
    with pytest.raises(seedbed.Unreachable):
        faulty.jobs.tensorboard(job, tmp_path)
    (file,) = (tmp_path / job).iterdir()
    assert file.read_bytes() == before


def test_the_command_prints_the_path(
    service: Service,
    trainer: Trainer,
    job: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SEEDBED_URL", service.url)
    monkeypatch.setenv("SEEDBED_KEY", service.key)
    monkeypatch.chdir(tmp_path)
    trainer.measure(1)
    assert main(["job", "tensorboard", job, "-o", "runs"]) == 0
    told = capfd.readouterr()
    assert losses(Path(told.out.strip())) == [(1, 7.99)]
    assert "tensorboard --logdir runs" in told.err
    assert main(["job", "tensorboard", job, "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == {
        "job": job,
        "file": f"{job}/events.out.tfevents.{job}",
    }
    nowhere = "job_" + "0" * 26
    assert main(["job", "tensorboard", nowhere]) == 1
    assert not (tmp_path / nowhere).exists()
