"""TensorBoard: an event file of each attempt in a directory of the job."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from control.metrics.event_file import Scalar, header, read_scalars, restart, scalar
from worker.tracking.sink import Opening


class TensorBoard:
    """Points that an earlier attempt wrote are not written again; a restart record tells TensorBoard from where on they may be."""

    def __init__(self, opening: Opening) -> None:
        directory = Path(opening.options["directory"]) / opening.job
        directory.mkdir(parents=True, exist_ok=True)
        self._last = _last_steps(directory)
        moment = time.time()
        name = f"events.out.tfevents.{int(moment)}.{opening.job}.{opening.attempt:04}"
        self._file = (directory / name).open("wb")
        self._file.write(header(moment))
        if not self._last and opening.start_step:
            self._file.write(restart(moment, opening.start_step + 1))
        self._file.flush()

    def points(self, step: int, moment: float, values: Mapping[str, float]) -> None:
        new = {name: value for name, value in values.items() if step > self._last.get(name, -1)}
        if new:
            self._file.write(b"".join(scalar(Scalar(name, step, new[name], moment)) for name in new))
            self._file.flush()

    def close(self, ending: str) -> None:  # noqa: ARG002 - TensorBoard has no states of runs
        self._file.close()


def _last_steps(directory: Path) -> dict[str, int]:
    last: dict[str, int] = {}
    for path in sorted(directory.glob("events.out.tfevents.*")):
        with path.open("rb") as stream:
            for point in read_scalars(stream):
                last[point.name] = max(point.step, last.get(point.name, -1))
    return last


def open_sink(opening: Opening) -> Any:
    """The sink of `worker.tracking.child`."""
    return TensorBoard(opening)
