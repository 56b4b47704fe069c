"""Sinks of metrics: one that hangs, fails or is killed is told once and never holds anything up; files are without duplicates."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from control.db import read
from control.lifecycle.models import Event
from control.metrics.event_file import Scalar, read_scalars
from tests.worker.conftest import Bench, eventually
from tests.worker.scripted_engine import loss_at
from worker.engine import clean_environment
from worker.tracking.process import Kind, SinkProcess, Trouble
from worker.tracking.sink import Opening

SECONDS = 60.0
"""Seconds after which a waiting test fails."""


class Told:
    """Collects troubles."""

    def __init__(self) -> None:
        self.all: list[Trouble] = []
        self._any = threading.Event()

    def __call__(self, trouble: Trouble) -> None:
        self.all.append(trouble)
        self._any.set()

    def first(self) -> Trouble:
        assert self._any.wait(SECONDS)
        return self.all[0]


def _opening(**options: str) -> Opening:
    return Opening("job_x", "a run", 1, 0, {"training": {"steps": 3}}, options)


def _sink(module: str, told: Told, opening: Opening, **settings: Any) -> SinkProcess:
    kind = Kind("Sink", module, opening.options, clean_environment("cpu"))
    return SinkProcess(kind, opening, told, **{"seconds": SECONDS, **settings})


@pytest.fixture
def faulty() -> Callable[..., tuple[SinkProcess, Told]]:
    def start(fault: str, **settings: Any) -> tuple[SinkProcess, Told]:
        told = Told()
        return _sink("tests.worker.sinks", told, _opening(fault=fault), **settings), told

    return start


@pytest.mark.parametrize(
    ("fault", "code", "error"),
    [
        ("raise", "sink_failed", "ConnectionError: the server has vanished"),
        ("exit", "sink_ended", "its process ended with exit code 3"),
    ],
)
def test_a_sink_that_fails_is_told_once(faulty: Any, fault: str, code: str, error: str) -> None:
    sink, told = faulty(fault)
    for step in range(1, 200):
        sink.points(step, 0.0, {"train/loss": 1.0})
    assert told.first() == Trouble("Sink", code, error)
    assert sink.join(SECONDS)
    sink.points(200, 0.0, {"train/loss": 1.0})
    sink.end("completed")
    assert len(told.all) == 1


def test_a_sink_that_fails_at_its_end_is_told(faulty: Any) -> None:
    sink, told = faulty("raise at close")
    sink.points(1, 0.0, {"train/loss": 1.0})
    assert not told.all
    sink.end("completed")
    assert told.first().code == "sink_failed"


@pytest.mark.parametrize("fault", ["hang", "hang at once"])
def test_a_sink_that_hangs_is_given_up_when_its_queue_is_full(faulty: Any, fault: str) -> None:
    sink, told = faulty(fault, most_waiting=20)
    step, large = 0, "x" * 10_000  # more than a pipe holds
    while not told.all and step < 1_000:
        step += 1
        sink.points(step, 0.0, {large: 1.0})
    assert told.first().code == "sink_too_slow"
    assert sink.join(SECONDS)  # it was killed
    assert len(told.all) == 1


def test_a_sink_that_hangs_is_killed_some_time_after_the_end(faulty: Any) -> None:
    sink, told = faulty("hang", seconds=0.2)
    sink.points(1, 0.0, {"train/loss": 1.0})
    sink.end("completed")
    assert sink.join(SECONDS)
    assert told.first().code == "sink_ended"


def test_a_sink_whose_process_is_killed_is_told(faulty: Any) -> None:
    sink, told = faulty("none")
    while sink.pid is None:
        assert sink.join(0.01) is False
    os.kill(sink.pid, signal.SIGKILL)
    assert told.first() == Trouble("Sink", "sink_ended", "its process ended with exit code -9")


def test_a_later_attempt_begins_when_the_earlier_sink_has_ended(tmp_path: Path) -> None:
    told, module = Told(), "worker.tracking.to_tensorboard"
    opening = _opening(directory=str(tmp_path))
    first = _sink(module, told, opening)
    second = _sink(module, told, Opening("job_x", "a run", 2, 2, {}, opening.options), after=first)
    for step in (1, 2, 3, 4):
        first.points(step, float(step), {"train/loss": step / 10})
    first.end("failed")
    for step in (3, 4, 5):
        second.points(step, float(step), {"train/loss": step / 10, "eval/loss": "nan"})
    second.end("completed")
    assert second.join(SECONDS)
    assert not told.all
    found = _points(tmp_path / "job_x")
    assert [point.step for point in found if point.name == "train/loss"] == [1, 2, 3, 4, 5]
    assert [point.step for point in found if point.name == "eval/loss"] == [3, 4, 5]


def _points(directory: Path) -> list[Scalar]:
    found = []
    for path in sorted(directory.glob("*tfevents*"), key=lambda path: path.name[-4:]):
        with path.open("rb") as stream:
            found += list(read_scalars(stream))
    return found


def test_event_files_are_read_by_another_implementation(tmp_path: Path) -> None:
    told = Told()
    sink = _sink("worker.tracking.to_tensorboard", told, _opening(directory=str(tmp_path)))
    sink.points(7, 1.5, {"train/loss": 0.25, "large": 1e300})
    sink.points(300_000, 2.5, {"train/loss": "inf"})
    sink.end("completed")
    assert sink.join(SECONDS)
    (path,) = (tmp_path / "job_x").iterdir()
    reader = (
        "import sys, struct\n"
        "from tensorboardX.proto.event_pb2 import Event\n"
        "from tensorboardX.record_writer import masked_crc32c\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "while data:\n"
        "    n = struct.unpack('<Q', data[:8])[0]\n"
        "    body = data[12:12 + n]\n"
        "    assert data[8:12] == struct.pack('<I', masked_crc32c(data[:8]))\n"
        "    assert data[12 + n:16 + n] == struct.pack('<I', masked_crc32c(body))\n"
        "    event = Event.FromString(body)\n"
        "    print(event.file_version, event.step, *[(v.tag, v.simple_value) for v in event.summary.value])\n"
        "    data = data[16 + n:]\n"
    )
    told_by = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", reader, str(path)], capture_output=True, text=True, check=True
    )
    assert told_by.stdout.splitlines() == [
        "brain.Event:2 0",
        " 7 ('train/loss', 0.25)",
        " 7 ('large', inf)",
        " 300000 ('train/loss', inf)",
    ]


def test_a_job_is_written_live_and_a_missing_server_is_told(bench: Bench, tmp_path: Path) -> None:
    directory = tmp_path / "tensorboard"
    settings = {
        "SEEDBED_TENSORBOARD_DIRECTORY": str(directory),
        "SEEDBED_MLFLOW_TRACKING_URI": "http://127.0.0.1:9",
        "SEEDBED_SINK_SECONDS": "10",
    }

    def warned() -> list[str]:
        with read(bench.database) as session:
            query = select(Event.message).where(Event.job_id == job_id, Event.code.startswith("sink_"))
            return list(session.scalars(query))

    with bench.worker(**settings):
        job_id = bench.submit("engine die_at=25 once step_seconds=0.05")
        assert bench.await_state(job_id, "succeeded", "failed").state == "succeeded"
        eventually(lambda: len(_points(directory / job_id)) == 40, "the last point")
        points = {point.step: point.value for point in _points(directory / job_id)}
        assert points == pytest.approx({step: loss_at(step) for step in range(1, 41)})
        eventually(warned, "a warning")
    assert all(message.startswith("MLflow gets no more metrics of this attempt") for message in warned())
