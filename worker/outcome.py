"""Maps an engine's exit to the attempt's result, by the table of ``docs/engine-protocol.md``. No side effects."""

from collections.abc import Mapping
from typing import Any

from control.jobs.service import Completed, Failed, Paused, Result, Stopped
from worker.engine import Exit

DONE = 0
_STOPS: Mapping[int | None, Result] = {
    75: Stopped(exit_code=75),
    76: Paused(exit_code=76),
}
_RETRYABLE = frozenset({70, 74})
"""Exit codes of an unexpected exception, and of a checkpoint that could not be written to disk."""


def judge(end: Exit, last: Mapping[str, Any] | None, *, stop_asked: bool, step: int) -> Result:
    """The result of an attempt whose engine has ended.

    Args:
        end: How it ended.
        last: Its ``finished`` or ``failed`` event, if one came.
        stop_asked: Whether this supervisor requested the stop, by SIGTERM or by SIGKILL.
        step: The newest step known.
    """
    event = {} if last is None else last
    if end.code == DONE and event.get("reason") == "completed":
        return Completed(exit_code=DONE, step=event.get("step"))
    if end.code in _STOPS:
        return _STOPS[end.code]
    if end.signal is not None:
        if stop_asked:
            # It did not stop within the grace period, and was killed; its last checkpoint remains.
            return Stopped(exit_code=-end.signal)
        return Failed(
            code="engine_killed",
            message=f"The engine was killed by signal {end.signal} at step {step}.",
            hint="If nobody killed it, the system may have run out of memory: look at its log (dmesg), and lower "
            "batch_size or sequence_length.",
            details={"signal": end.signal, "step": step},
            retryable=True,
            exit_code=-end.signal,
        )
    if event.get("event") == "failed":
        return Failed(
            code=str(event["code"]),
            message=str(event["message"]),
            hint=event.get("hint"),
            details=event.get("details") or {},
            retryable=end.code in _RETRYABLE,
            exit_code=end.code,
        )
    return Failed(
        code="engine_ended",
        message=f"The engine ended with exit code {end.code} at step {step} and reported no error.",
        hint="Look at the end of the attempt's log.",
        details={"exit_code": end.code, "step": step},
        # Exit codes from 64 on that are not in the table mean that a retry would fail in the same way.
        retryable=end.code in _RETRYABLE or end.code in {DONE, 1},
        exit_code=end.code,
    )
