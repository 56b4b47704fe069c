"""Sinks with faults, for tests; each is a module's ``open_sink`` chosen by an option."""

import signal
from collections.abc import Mapping
from typing import Any

from worker.tracking.sink import Opening


class Faulty:
    """Does what its option says: ``hang``, ``raise``, ``raise at close``, ``exit``."""

    def __init__(self, fault: str) -> None:
        self._fault = fault

    def points(self, step: int, moment: float, values: Mapping[str, float]) -> None:
        if self._fault == "hang":
            signal.pause()
        if self._fault == "raise":
            raise ConnectionError("the server has vanished")
        if self._fault == "exit":
            raise SystemExit(3)

    def close(self, ending: str) -> None:
        if self._fault == "raise at close":
            raise ConnectionError("the server has vanished")


def open_sink(opening: Opening) -> Any:
    """The sink of `worker.tracking.child`."""
    if opening.options["fault"] == "hang at once":
        signal.pause()
    return Faulty(opening.options["fault"])
