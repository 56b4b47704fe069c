"""What reaches a supervisor's main thread, from the threads around it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from control.jobs.service import LeaseLost
from control.lifecycle.schemas import Intent
from worker.engine import Exit
from worker.uploads import Upload


@dataclass(frozen=True)
class Told:
    """An event of the engine."""

    event: Mapping[str, Any]


@dataclass(frozen=True)
class Ended:
    """The engine has ended, and everything it told was passed on before."""

    exit: Exit


@dataclass(frozen=True)
class Asked:
    """Somebody asked something of the job."""

    intent: Intent


@dataclass(frozen=True)
class Lost:
    """The attempt does not hold the job any more."""

    error: LeaseLost


Message = Told | Ended | Asked | Lost | Upload
