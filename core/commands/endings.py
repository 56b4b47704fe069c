"""How a command of the engine ends: its last event and its exit code."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from core import tracebacks
from core.data import DataError
from core.errors import DATA_ERROR, INTERNAL, STOPPED, EngineError, is_disk_full
from core.events import Events
from core.spec.problems import SpecError
from core.training.signals import StopSignals


def run_to_end(work: Callable[[StopSignals], None], events: Events, out: Path, *, step: int = 0) -> int:
    """Do ``work`` that is begun anew after a stop; the last event is ``finished``, or ``failed``. A signal ends the process at once.

    Args:
        out: Where the command writes, for the error of a full disk.
        step: The step of ``finished``.

    Returns:
        The exit code of ``docs/engine-protocol.md``.
    """
    try:
        with StopSignals() as signals, signals.at_once(lambda: stop_at_once(events)):
            work(signals)
    except Exception as error:  # noqa: BLE001 - the last event must report every kind of error
        return report_failure(error, events, out)
    events.emit("finished", step=step, reason="completed", values={})
    return 0


def stop_at_once(events: Events, step: int = 0) -> NoReturn:
    """Send ``finished`` with the reason ``stopped`` and end the process.

    Called from the signals' thread, because the main thread may be in a long call into native code.
    """
    with events.lock:
        events.emit("finished", step=step, reason="stopped", values={})
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(STOPPED)


def report_failure(error: Exception, events: Events, out: Path, step: int = 0) -> int:
    """Send ``failed``.

    Args:
        step: The last step that was reached, where the error names none.

    Returns:
        The exit code.
    """
    failure, exit_code = _explain(error, out)
    details = dict(failure.details)
    step = details.pop("step", step)
    events.emit(
        "failed", code=failure.code, message=failure.message, hint=failure.hint, step=step, details=details
    )
    return exit_code


def _explain(error: Exception, out: Path) -> tuple[EngineError, int]:
    """The fields of the ``failed`` event for an error, and the exit code."""
    if isinstance(error, DataError):
        return EngineError(error.code, error.message, error.hint, **error.details), DATA_ERROR
    if isinstance(error, SpecError):
        problems = [
            {"param": p.param, "code": p.code, "message": p.message, "params": p.params}
            for p in error.problems
        ]
        hint = "Correct the spec; details.problems names each field."
        error = EngineError("spec_invalid", str(error), hint, problems=problems)
    if is_disk_full(error):
        error = EngineError(
            "disk_full", f"{error}.", f"Free space where {out} and the cache are.", error=error, directory=out
        )
    if isinstance(error, EngineError):
        return error, error.exit_code
    tracebacks.print_uncaught(type(error), error)
    said = tracebacks.message(error)
    return EngineError(
        "internal",
        f"{type(error).__name__}: {said}",
        "The log has the traceback.",
        case="engine",
        kind=type(error).__name__,
        error=said,
    ), INTERNAL
