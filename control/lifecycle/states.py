"""The state machine of a job: which state may follow which, and why. Pure; `control.lifecycle.transitions` carries out what this allows."""

from typing import get_args

from control.lifecycle.schemas import State

STATES: tuple[State, ...] = get_args(State)
TERMINAL: frozenset[State] = frozenset({"succeeded", "failed", "cancelled"})

ALLOWED: dict[State, dict[State, str]] = {
    "queued": {
        "running": "a worker claimed it",
        "paused": "somebody paused it before a worker took it",
        "cancelled": "somebody cancelled it before a worker took it",
    },
    "running": {
        "succeeded": "the engine reached the last step",
        "failed": "it cannot go on, or its retries are used up",
        "cancelled": "somebody cancelled it and its engine has stopped",
        "paused": "somebody paused it and its engine has stopped",
        "queued": "it was preempted, its worker stopped or was lost, or a retry may help",
    },
    "paused": {
        "queued": "somebody resumed it",
        "cancelled": "somebody cancelled it while it was paused",
    },
    "failed": {"queued": "somebody asked for a retry"},
    "cancelled": {"queued": "somebody asked for a retry"},
    "succeeded": {},
}


def allowed(before: State, after: State) -> bool:
    """Whether a job in state `before` may become `after`."""
    return after in ALLOWED[before]
