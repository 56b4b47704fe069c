"""Follows a job's event stream, in order, and reconnects when the connection breaks."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from seedbed.errors import NotFound, RateLimited, SeedbedError, ServerError, Unreachable
from seedbed.models import Checkpoint, End, Event, Job, MetricPoint, Metrics, Progress
from seedbed.paging import Listing
from seedbed.sse import messages
from seedbed.transport import NOT_SENT, Transport, pause

Update = Job | MetricPoint | Event | Checkpoint | Progress | End

KINDS: dict[str, type[Update]] = {
    "job": Job,
    "metrics": MetricPoint,
    "event": Event,
    "checkpoint": Checkpoint,
    "progress": Progress,
    "end": End,
}

SILENCE_SECONDS = 35.0
"""The service sends a comment every 15 s: a stream without data for longer than two of them is broken."""
BARREN_STREAMS = 2
"""Consecutive streams that opened and sent nothing, after which a proxy is assumed to buffer them."""
POLL_SECONDS = 1.0


class _StreamUnusable(SeedbedError):
    """The response is no event stream, or a proxy buffers it."""


class Watch:
    """Follows one job; iterate over it once.

    Args:
        replay: Begin with what was measured and what happened before.
        patience: Seconds without any contact after which it gives up.
        on_interruption: Called with the reason each time the connection is lost.
    """

    def __init__(
        self,
        transport: Transport,
        job: str,
        *,
        replay: bool = True,
        patience: float = 600.0,
        on_interruption: Callable[[SeedbedError], None] | None = None,
    ) -> None:
        self._transport = transport
        self._path = f"/v1/jobs/{quote(job, safe='')}"
        self._replay = replay
        self._patience = patience
        self._on_interruption = on_interruption or (lambda _: None)
        self._cursor: str | None = None
        self._retry: float | None = None
        self._last_contact = time.monotonic()
        self._checkpoints: set[str] = set()

    def __iter__(self) -> Iterator[Update]:
        # A plain GET first: an unknown job or a wrong key is an error, not a reason to reconnect.
        self._transport.get(self._path)
        failures = barren = 0
        while barren < BARREN_STREAMS:
            heard = False
            self._retry = None
            try:
                for update in self._stream():
                    heard, failures, barren = True, 0, 0
                    yield update
                    if isinstance(update, End):
                        return
                barren += not heard
            except (Unreachable, ServerError, RateLimited, _StreamUnusable) as error:
                barren += not heard and _was_open(error)
                self._interrupted(error)
            pause(min(failures, 5), self._retry)
            failures += 1
        yield from self._poll()

    def _stream(self) -> Iterator[Update]:
        headers = {"Accept": "text/event-stream"}
        if self._cursor is not None:
            headers["Last-Event-ID"] = self._cursor
        params = {"replay": "false"} if not self._replay and self._cursor is None else None
        with self._transport.stream(
            f"{self._path}/stream", params=params, headers=headers, silence=SILENCE_SECONDS
        ) as response:
            if not _is_stream(response):
                raise _StreamUnusable(
                    f"{response.request.url} answered with something other than an event stream."
                )
            for message in messages(self._chunks(response)):
                self._retry = message.retry if message.retry is not None else self._retry
                self._cursor = message.id or self._cursor
                kind = KINDS.get(message.event or "")
                if kind is None:
                    continue
                update = kind.model_validate_json(message.data)
                if isinstance(update, Checkpoint):
                    # Its cursor comes a message later, so after a broken connection in between it is sent again.
                    if update.id in self._checkpoints:
                        continue
                    self._checkpoints.add(update.id)
                yield update

    def _chunks(self, response: httpx.Response) -> Iterator[bytes]:
        for chunk in response.iter_bytes():
            self._last_contact = time.monotonic()
            yield chunk

    def _poll(self) -> Iterator[Update]:
        """Like `_stream`, by polling."""
        place = _Position.of(self._cursor)
        silent = not self._replay and self._cursor is None
        while True:
            try:
                # Before the rest: once the job is read as ended, everything that belongs to it has been written.
                job = Job.model_validate(self._transport.get(self._path))
                news, place = self._news(place)
            except (Unreachable, ServerError, RateLimited) as error:
                self._interrupted(error)
                pause(3)
                continue
            self._last_contact = time.monotonic()
            if not silent:
                yield from news
            silent = False
            yield job
            if job.is_terminal:
                yield End(state=job.state)
                return
            time.sleep(POLL_SECONDS)

    def _news(self, place: "_Position") -> tuple[list[Update], "_Position"]:
        """What was written after the given position, and the new position."""
        news: list[Update] = []
        point, event = place.point, place.event
        more = True
        while more:
            metrics = Metrics.model_validate(self._transport.get(f"{self._path}/metrics", {"after": point}))
            news += _points(metrics)
            point, more = metrics.next, metrics.has_more
        for entry in Listing(
            self._transport, f"{self._path}/events", Event, {"after": event}, cursor="after"
        ):
            if entry.type == "checkpoint" and (found := self._checkpoint(entry)):
                news.append(found)
            news.append(entry)
            event = entry.id
        return news, _Position(point, event)

    def _checkpoint(self, event: Event) -> Checkpoint | None:
        """The checkpoint of an event, if it is new to the caller and still exists."""
        name = str(event.data.get("checkpoint"))
        if name in self._checkpoints:
            return None
        self._checkpoints.add(name)
        try:
            return Checkpoint.model_validate(self._transport.get(f"/v1/checkpoints/{quote(name, safe='')}"))
        except NotFound:
            return None

    def _interrupted(self, error: SeedbedError) -> None:
        if time.monotonic() - self._last_contact > self._patience:
            raise error
        self._on_interruption(error)


@dataclass(frozen=True)
class _Position:
    """The position of a watch, as cursors of the lists: the stream's ``m41.e3`` is 41 and 3."""

    point: int = 0
    event: int = 0

    @classmethod
    def of(cls, cursor: str | None) -> "_Position":
        match = re.fullmatch(r"m(\d+)\.e(\d+)", cursor or "")
        return cls(int(match[1]), int(match[2])) if match else cls()


def _points(metrics: Metrics) -> list[MetricPoint]:
    points: dict[int, MetricPoint] = {}
    for name, series in metrics.series.items():
        for step, value, moment in zip(series.steps, series.values, series.times, strict=True):
            point = points.setdefault(step, MetricPoint(step=step, time=moment, values={}))
            point.values[name] = series.not_finite.get(str(step), value)
    return [points[step] for step in sorted(points)]


def _was_open(error: SeedbedError) -> bool:
    return isinstance(error, _StreamUnusable) or (
        isinstance(error, Unreachable) and not isinstance(error.__cause__, NOT_SENT)
    )


def _is_stream(response: httpx.Response) -> bool:
    return str(response.headers.get("Content-Type")).startswith("text/event-stream")
