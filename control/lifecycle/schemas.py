"""Enumerated values of a job's row, and HTTP schemas of progress, failure, pause and events."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from control.schemas import JsonObject, Resource

State = Literal["queued", "running", "paused", "succeeded", "failed", "cancelled"]
Intent = Literal["pause", "cancel", "preempt"]
Purpose = str
"""Why a job exists: ``train``, or the name of a kind of short job (`control.short_jobs`)."""


class Progress(Resource):
    phase: Literal["staging", "preparing", "training", "saving"] | None
    """Phase of the running attempt; null if none runs."""
    phase_fraction: float | None
    """Progress of staging or preparing, 0 to 1; null if it is not known."""
    step: int
    steps: int | None
    """In all; null until the data of a job that gives ``training.epochs`` are prepared."""
    epoch: float | None
    """How often the training split was gone through so far; null until the data are prepared."""
    epochs: float | None
    """The same at the last step."""
    fraction: float
    """step / steps; 0 until ``steps`` is known."""
    eta_seconds: float | None
    """Seconds until the last step at the recent speed; null until it is known."""


class Failure(Resource):
    code: str
    message: str
    hint: str | None = None
    """What to do about it."""
    details: JsonObject = Field(default_factory=dict)
    """Parameters of the message, and further details."""


class Pause(Resource):
    code: str
    """``collapsed``, ``quota_exceeded`` or ``disk_low``."""
    message: str
    hint: str | None = None
    """What to do before it is resumed."""
    params: JsonObject = Field(default_factory=dict)
    """Parameters of the message."""


class EventOut(Resource):
    object: Literal["event"] = "event"
    id: int
    job: str
    attempt: int
    type: str
    """What kind of thing happened."""
    code: str
    """Stable code of the event's message. ``other`` for events of an earlier version."""
    params: JsonObject
    """Parameters of the sentence."""
    message: str
    """The sentence in English, made of `code` and `params`."""
    data: JsonObject
    """Facts about it for programs."""
    time: datetime
