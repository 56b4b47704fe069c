"""Models of a job's events, logs, metrics and samples, and of the messages of its event stream."""

from datetime import datetime
from typing import Any

from pydantic import Field

from seedbed.models.base import Resource


class Event(Resource):
    id: int
    job: str
    attempt: int
    type: str
    code: str = "other"
    """Stable code of the event's message. ``other``: an event of an earlier version of the service."""
    params: dict[str, Any] = Field(default_factory=dict)
    """The parameters of the message."""
    message: str
    data: dict[str, Any]
    time: datetime


class Log(Resource):
    job: str
    attempt: int
    text: str
    """The last lines."""
    bytes: int
    """Bytes of the whole log."""
    complete: bool


class Series(Resource):
    """Points of one metric; the arrays are equally long. A value that is not finite is ``None``."""

    steps: list[int]
    values: list[float | None]
    times: list[float]
    """Unix seconds."""
    min: list[float | None] | None = None
    max: list[float | None] | None = None
    not_finite: dict[str, str] = Field(default_factory=dict)
    """Step → ``nan``, ``inf`` or ``-inf``."""


class Metrics(Resource):
    job: str
    series: dict[str, Series]
    next: int
    """Cursor for `Jobs.metrics_since`."""
    has_more: bool = False


class MetricPoint(Resource):
    """The metric values of one step, as `Jobs.watch` yields them."""

    step: int
    time: float
    """Unix seconds, by the clock of the machine that trains."""
    values: dict[str, float | str | None]
    """Metric name → value; one that is not finite comes as ``None`` or its name."""
    attempt: int | None = None


class End(Resource):
    """The job is over; the last item of `Jobs.watch`."""

    state: str


class Sample(Resource):
    """A text or a picture that a run writes for people: a continued text, a grid of pictures."""

    id: str
    job: str
    attempt: int
    step: int
    name: str
    media_type: str
    """``text/plain``, ``image/png``, or ``application/json`` for a report of the newest evaluation."""
    bytes: int
    sha256: str
    created_at: datetime
