"""From an engine's exit to the attempt's result."""

from typing import Any

import pytest

from control.jobs.service import Completed, Failed, Paused, Stopped
from worker.engine import Exit
from worker.outcome import judge

COMPLETED = {"event": "finished", "reason": "completed"}
STOPPED = {"event": "finished", "reason": "stopped"}


def failed(code: str) -> dict[str, Any]:
    return {"event": "failed", "code": code, "message": "It broke.", "hint": "Mend it.", "details": {"a": 1}}


def test_an_engine_that_says_it_is_done_and_exits_with_0_has_completed() -> None:
    assert judge(Exit(0), COMPLETED, stop_asked=False, step=9) == Completed(exit_code=0)


def test_a_completed_run_counts_as_completed_after_a_late_stop() -> None:
    assert judge(Exit(0), COMPLETED, stop_asked=True, step=9) == Completed(exit_code=0)


def test_exit_code_0_without_a_final_event_is_no_success() -> None:
    result = judge(Exit(0), None, stop_asked=False, step=9)
    assert isinstance(result, Failed)
    assert result.retryable


@pytest.mark.parametrize("stop_asked", [True, False])
def test_exit_code_75_is_a_stop(*, stop_asked: bool) -> None:
    assert judge(Exit(75), STOPPED, stop_asked=stop_asked, step=9) == Stopped(exit_code=75)


def test_exit_code_76_is_a_pause() -> None:
    result = judge(Exit(76), {"event": "finished", "reason": "paused"}, stop_asked=False, step=9)
    assert isinstance(result, Paused)
    assert result.exit_code == 76
    assert result.code == "collapsed"


def test_a_kill_after_a_stop_was_asked_for_is_that_stop() -> None:
    assert judge(Exit(signal=9), None, stop_asked=True, step=9) == Stopped(exit_code=-9)


def test_an_unexpected_kill_is_retried() -> None:
    result = judge(Exit(signal=9), None, stop_asked=False, step=9)
    assert isinstance(result, Failed)
    assert (result.code, result.retryable, result.exit_code) == ("engine_killed", True, -9)
    assert result.details == {"signal": 9, "step": 9}


@pytest.mark.parametrize(
    ("exit_code", "code", "retryable"),
    [
        (64, "spec_invalid", False),
        (65, "data_too_small", False),
        (66, "non_finite_loss", False),
        (71, "out_of_memory", False),
        (74, "disk_full", True),
        (70, "internal", True),
    ],
)
def test_the_reason_given_by_the_engine_is_kept(exit_code: int, code: str, *, retryable: bool) -> None:
    assert judge(Exit(exit_code), failed(code), stop_asked=False, step=9) == Failed(
        code=code,
        message="It broke.",
        hint="Mend it.",
        details={"a": 1},
        retryable=retryable,
        exit_code=exit_code,
    )


def test_an_unknown_exit_without_an_event_names_the_code() -> None:
    result = judge(Exit(99), None, stop_asked=False, step=9)
    assert isinstance(result, Failed)
    assert not result.retryable
    assert "99" in result.message


def test_the_step_at_which_a_run_ended_is_kept() -> None:
    """Early stopping ends a run before its last step."""
    assert judge(Exit(0), COMPLETED | {"step": 7}, stop_asked=False, step=9) == Completed(exit_code=0, step=7)
