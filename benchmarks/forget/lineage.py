"""Runs the jobs of a lineage, one stage after another, by engines that a preloaded server forks."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from worker.engine import Exit, PreloadedServer

OWN = "self"
"""In place of a stage's name in an event ``stage_measured``: the stage that the job itself learns."""

Values = Mapping[str, float]


@dataclass(frozen=True)
class Stage:
    """A stage that was learned."""

    name: str
    data: Path
    out: Path
    section: Mapping[str, Any]
    """The section ``data`` of its spec."""
    start: Values = field(default_factory=dict)
    """Its measures with the weights that it began with."""
    measured: Mapping[str, Values] = field(default_factory=dict)
    """At its end: the measures of each stage so far on that stage's held-out samples, by the stage's name."""

    @property
    def checkpoint(self) -> Path:
        return max(self.out.glob("step-*"))


@dataclass(frozen=True)
class Runner:
    """Runs jobs in directories of their own.

    Args:
        scratch: Below which the directories are.
        server: Forks the engines.
    """

    scratch: Path
    server: PreloadedServer

    def learn(
        self,
        spec: Mapping[str, Any],
        data: Path,
        out: str,
        earlier: Sequence[Stage] = (),
        method: Mapping[str, Any] | None = None,
    ) -> Stage:
        """Learn a stage, from fresh weights or from the last of the earlier stages.

        Args:
            spec: Without ``start`` and ``continual``.
            data: Directory with its files; the stage has its name.
            out: Of the run, below `scratch`.
            method: The section ``continual`` without its ancestors; only with earlier stages.
        """
        directory = self.scratch / out
        directory.mkdir(parents=True, exist_ok=True)
        options: list[str] = ["--fresh"]
        document = dict(spec)
        if earlier:
            ancestors = [{"job": stage.name, "data": stage.section} for stage in earlier]
            document |= {
                "start": {"scope": "weights"},
                "continual": {**(method or {}), "ancestors": ancestors},
            }
            where = {stage.name: {"data": [str(stage.data)]} for stage in earlier}
            (directory / "earlier.json").write_text(json.dumps(where))
            options += [
                "--start",
                str(earlier[-1].checkpoint),
                "--earlier",
                str(directory / "earlier.json"),
            ]
        (directory / "job.json").write_text(json.dumps(document))
        events = self._run(directory, data, options)
        values = {
            (event["of"], event["when"]): event["values"]
            for event in events
            if event["event"] == "stage_measured"
        }
        (ending,) = (event["values"] for event in events if event["event"] == "finished")
        measured = {of: found for (of, when), found in values.items() if when == "end" and of != OWN}
        return Stage(
            data.name,
            data,
            directory / "run",
            spec["data"],
            start=values.get((OWN, "start"), {}),
            measured={**measured, data.name: ending},
        )

    def _run(self, directory: Path, data: Path, options: Sequence[str]) -> list[dict[str, Any]]:
        out, cache = directory / "run", self.scratch / "cache"
        command = ["run", str(directory / "job.json"), "--data", str(data), "--out", str(out)]
        command += ["--cache", str(cache), "--threads", "1", *options]
        log = directory / "log.txt"
        with log.open("wb") as file:
            engine = self.server.launch(command, directory=directory, log=file)
        try:
            events = [json.loads(line) for line in engine.events]
            ended = engine.wait()
        finally:
            engine.close()
        if ended != Exit(code=0):
            sys.exit(f"The engine failed ({ended}); its log ends:\n{log.read_text()[-3000:]}")
        return events
