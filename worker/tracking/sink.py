"""What a sink of metrics is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Opening:
    """The job of which a sink gets the metrics."""

    job: str
    name: str
    attempt: int
    start_step: int
    """The step at which the attempt begins; points after it may have been written by an earlier attempt."""
    spec: Mapping[str, Any]
    options: Mapping[str, str]
    """Settings of the sink."""


class Sink(Protocol):
    """Takes metrics to another program. It continues what an earlier attempt at the job wrote, without duplicates."""

    def points(self, step: int, moment: float, values: Mapping[str, float]) -> None:
        """Take the values of a step; ``moment`` in Unix seconds."""

    def close(self, ending: str) -> None:
        """Finish; ``ending`` is ``completed``, ``stopped``, ``paused`` or ``failed``."""
