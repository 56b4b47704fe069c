"""Checkpoints of short runs, and the command that evaluates them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.commands.evaluate import Options, evaluate
from core.commands.run import Options as RunOptions
from core.commands.run import run
from core.events import Events

Train = Callable[..., Path]
Evaluate = Callable[..., dict[str, Any]]


@pytest.fixture
def train(tmp_path: Path) -> Train:
    """``train(spec, data)``: the last checkpoint of a run on one thread."""

    def start(spec: dict[str, Any], data: Path) -> Path:
        number = len(list(tmp_path.glob("run-*")))
        file, out = tmp_path / f"spec-{number}.json", tmp_path / f"run-{number}"
        file.write_text(json.dumps(spec))
        assert run(RunOptions(file, (data,), out, cache=tmp_path / "cache", threads=1), Events()) == 0
        return max(out.glob("step-*"))

    return start


@pytest.fixture
def assess(tmp_path: Path) -> Evaluate:
    """``assess(checkpoint, data, …)``: the event ``evaluated``, or ``failed``."""

    def start(checkpoint: Path, data: Path, **options: Any) -> dict[str, Any]:
        seen: list[Any] = []
        events = Events(seen.append)
        evaluate(Options(checkpoint, (data,), cache=tmp_path / "cache", threads=1, **options), events)
        [last] = [event for event in seen if event["event"] in {"evaluated", "failed"}]
        return dict(last)

    return start


def measures(report: dict[str, Any], section: str) -> dict[str, dict[str, Any]]:
    """The measures of a section by name."""
    assert report["event"] == "evaluated", report
    [found] = [part for part in report["sections"] if part["name"] == section]
    return {measure["name"]: measure for measure in found["measures"]}
