"""Weights & Biases: a run whose id is the job's, which every attempt continues."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import wandb

from worker.tracking.sink import Opening


class Wandb:
    """The service drops points of steps that it has; offline, a file beside the runs keeps the last step."""

    def __init__(self, opening: Opening) -> None:
        options = opening.options
        offline = options["mode"] == "offline"
        directory = Path(options["directory"])
        directory.mkdir(parents=True, exist_ok=True)
        self._kept = directory / f"{opening.job}.last.json" if offline else None
        self._run = wandb.init(
            project=options["project"],
            entity=options.get("entity"),
            id=opening.job,
            name=opening.name,
            config=dict(opening.spec),
            dir=directory,
            mode="offline" if offline else "online",
            resume=None if offline else "allow",
            settings=wandb.Settings(
                console="off", x_disable_stats=True, x_disable_meta=True, disable_git=True, silent=True
            ),
        )
        self._last = self._run.step - 1
        if self._kept is not None and self._kept.exists():
            self._last = max(self._last, int(json.loads(self._kept.read_text())["step"]))
        self._step: int | None = None

    def points(self, step: int, moment: float, values: Mapping[str, float]) -> None:
        if step <= self._last:
            return
        if self._step is not None and step > self._step:
            self._keep(self._step)
        self._step = step
        self._run.log({**values, "_timestamp": moment}, step=step)

    def close(self, ending: str) -> None:
        self._run.finish(exit_code=1 if ending == "failed" else 0)
        if self._step is not None:
            self._keep(self._step)

    def _keep(self, step: int) -> None:
        if self._kept is not None:
            temporary = self._kept.with_suffix(".tmp")
            temporary.write_text(json.dumps({"step": step}))
            temporary.replace(self._kept)


def open_sink(opening: Opening) -> Any:
    """The sink of `worker.tracking.child`."""
    return Wandb(opening)
