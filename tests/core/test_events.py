"""Events reach every reader completely, and a slow or closed reader does not stop a run."""

import json
import os
import threading
from pathlib import Path
from typing import Any

from core.events import Events, MetricsFile, PipeSink


def test_numbers_that_are_not_finite_become_strings() -> None:
    reader, writer = os.pipe()
    Events(PipeSink(writer)).emit(
        "metrics", step=1, values={"a": float("nan"), "b": float("inf"), "c": -1e400}
    )
    os.close(writer)
    with os.fdopen(reader) as lines:
        event = json.loads(lines.read())
    assert event["values"] == {"a": "nan", "b": "inf", "c": "-inf"}
    assert isinstance(event["time"], float)


def test_numbers_are_exact() -> None:
    reader, writer = os.pipe()
    values = [0.1 + 0.2, 1 / 3, 5e-324, 8.838573455810547]
    Events(PipeSink(writer)).emit("metrics", step=1, values=values)
    os.close(writer)
    with os.fdopen(reader) as lines:
        assert json.loads(lines.read())["values"] == values


def test_a_slow_reader_loses_no_line_of_a_non_blocking_pipe() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    events = Events(PipeSink(writer))

    def emit(name: str) -> None:
        for number in range(500):
            events.emit(name, number=number, text="ü" * 300)

    threads = [threading.Thread(target=emit, args=(name,)) for name in ("one", "other")]
    for thread in threads:
        thread.start()
    # Both write far more than a pipe holds before anybody reads.
    with os.fdopen(reader, "rb") as lines:
        read = [json.loads(next(lines)) for _ in range(1000)]
    for thread in threads:
        thread.join()
    os.close(writer)
    for name in ("one", "other"):
        assert [event["number"] for event in read if event["event"] == name] == list(range(500))


def test_a_closed_reader_is_dropped() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    others: list[Any] = []
    events = Events(PipeSink(writer), others.append)
    events.emit("warning", code="a", message="b")
    events.emit("finished", step=1)
    os.close(writer)
    assert [event["event"] for event in others] == ["warning", "finished"]


def test_the_metrics_file_holds_each_point_once_after_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    first = MetricsFile(path, step=0)
    for step in (1, 2, 3):
        first({"event": "metrics", "step": step, "values": {"train/loss": float(step)}})
    first({"event": "checkpoint", "step": 3})
    first.close()
    with path.open("ab") as file:
        file.write(b'{"event":"metrics","st')  # a kill in the middle of a line

    second = MetricsFile(path, step=2)
    second({"event": "metrics", "step": 3, "values": {"train/loss": 30.0}})
    second.flush()
    second.close()
    points = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(point["step"], point["values"]["train/loss"]) for point in points] == [
        (1, 1.0),
        (2, 2.0),
        (3, 30.0),
    ]
    assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.jsonl"]
