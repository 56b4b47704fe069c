"""Messages from a supervisor's threads to its main thread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control.jobs.service import LeaseLost
from control.lifecycle.schemas import Intent
from worker.engine import Exit
from worker.tracking.process import Trouble
from worker.uploads import Upload


@dataclass(frozen=True)
class EngineEvent:
    """An event of the engine."""

    event: Mapping[str, Any]


@dataclass(frozen=True)
class Ended:
    """The engine has ended; all its events were passed on before this message."""

    exit: Exit


@dataclass(frozen=True)
class StopRequested:
    """There is a request on the job: to pause, to cancel or to preempt it."""

    intent: Intent


@dataclass(frozen=True)
class LeaseTaken:
    """The attempt does not hold the job any more."""

    error: LeaseLost


Message = EngineEvent | Ended | StopRequested | LeaseTaken | Trouble | Upload
