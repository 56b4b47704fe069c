"""What a job's row holds in words, and the parts of it that go over HTTP wherever it does."""

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
    """What the running attempt is at; none where nothing runs."""
    phase_fraction: float | None
    """Of staging or preparing, 0 to 1; none where it is not known."""
    step: int
    steps: int
    fraction: float
    """step / steps."""
    eta_seconds: float | None
    """Until the last step, by the recent pace; none until it can be told."""


class Failure(Resource):
    code: str
    message: str
    hint: str | None = None
    """What to do about it."""
    details: JsonObject = Field(default_factory=dict)
    """What the message is made of, and what else is known."""


class Pause(Resource):
    code: str
    """``collapsed``, ``quota_exceeded`` or ``disk_low``."""
    message: str
    hint: str | None = None
    """What to do before it is resumed."""
    params: JsonObject = Field(default_factory=dict)
    """What the message is made of."""


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
    """What the sentence is made of."""
    message: str
    """The sentence in English, made of `code` and `params`."""
    data: JsonObject
    """What programs need to know of it."""
    time: datetime
