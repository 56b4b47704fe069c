"""A job's event stream (Server-Sent Events): reads PostgreSQL from the listener's cursor at every wake-up."""

import json
import math
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import groupby

from pydantic import BaseModel

from api.credential_check import CredentialCheck
from api.live import Hub, Listener
from control.jobs.schemas import JobOut
from control.lifecycle.schemas import Progress
from control.live.service import Changes, Cursor
from control.metrics.repository import WrittenPoint

LOOK_SECONDS = 10.0
"""Seconds between two reads of all of the job, with or without a wake-up: the most by which a lost Redis message delays it."""
DISCONNECTED_LOOK_SECONDS = 3.0
"""The same while Redis does not answer."""
HEARTBEAT_SECONDS = 15.0
_TERMINAL = {"succeeded", "failed", "cancelled"}


async def stream(
    hub: Hub, job_id: str, cursor: Cursor, credential_check: CredentialCheck
) -> AsyncIterator[bytes]:
    """Server-Sent Events from the cursor on, until the job is over, the process stops, or the credentials become invalid."""
    async with hub.listen(job_id) as listener:
        position = _StreamPosition(cursor)
        credential_check.on_invalid(lambda: listener.notify(points_alone=False))
        # The cursor is sent first: with ?replay=false, a connection that breaks before the first message loses nothing.
        yield f"retry: 1000\nid: {cursor}\n\n".encode()
        async for frames in _frames(hub, listener, position, credential_check):
            yield frames


async def _frames(
    hub: Hub, listener: Listener, position: "_StreamPosition", credential_check: CredentialCheck
) -> AsyncIterator[bytes]:
    spoke = time.monotonic()
    while not hub.closing and credential_check.problem is None:
        look = DISCONNECTED_LOOK_SECONDS if hub.disconnected else LOOK_SECONDS
        changes = await listener.changes(position.cursor, look)
        frames = b"".join(position.frames(changes))
        if frames:
            yield frames
            spoke = time.monotonic()
        if changes.more:
            continue
        if changes.gone:
            return
        if changes.job is not None and changes.job.state in _TERMINAL:
            yield _frame("end", json.dumps({"state": changes.job.state}))
            return
        await listener.wait(look)
        if time.monotonic() - spoke >= HEARTBEAT_SECONDS:
            yield b": still here\n\n"
            spoke = time.monotonic()


class _StreamPosition:
    """What one listener has received so far."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self._job: str | None = None
        self._progress: Progress | None = None

    def frames(self, changes: Changes) -> Iterator[bytes]:
        """The frames of those changes that are new to the listener; moves its cursor past them."""
        if changes.job is not None and (job := _without_progress(changes.job)) != self._job:
            self._job, self._progress = job, changes.progress
            yield _frame("job", changes.job)
        for group in _by_step(changes.points):
            self.cursor = Cursor(group[-1].seq, self.cursor.event)
            yield _frame("metrics", _metrics(group), self.cursor)
        for event in changes.events:
            # The checkpoint or sample has no SSE id. It is sent before its event, so a client that has the event's id has both.
            if event.type == "checkpoint" and (
                checkpoint := changes.checkpoints.get(event.data["checkpoint"])
            ):
                yield _frame("checkpoint", checkpoint)
            if event.type == "sample" and (sample := changes.samples.get(event.data["sample"])):
                yield _frame("sample", sample)
            self.cursor = Cursor(self.cursor.point, event.id)
            yield _frame("event", event, self.cursor)
        if changes.progress is not None and changes.progress != self._progress:
            self._progress = changes.progress
            yield _frame("progress", self._progress)


def _without_progress(job: JobOut) -> str:
    """The fields of a job whose change sends a ``job`` message; the others change with every point."""
    return job.model_dump_json(exclude={"progress", "latest"})


def _by_step(points: Iterable[WrittenPoint]) -> Iterator[list[WrittenPoint]]:
    for _, group in groupby(points, key=lambda point: (point.step, point.attempt)):
        yield list(group)


def _metrics(group: list[WrittenPoint]) -> str:
    last = group[-1]
    # As in the engine's protocol, a number that JSON does not have is a string.
    values = {point.name: point.value if math.isfinite(point.value) else repr(point.value) for point in group}
    return json.dumps(
        {"step": last.step, "time": last.time, "values": values, "attempt": last.attempt},
        separators=(",", ":"),
    )


def _frame(event: str, data: BaseModel | str, cursor: Cursor | None = None) -> bytes:
    text = data if isinstance(data, str) else data.model_dump_json()
    identity = f"id: {cursor}\n" if cursor is not None else ""
    return f"{identity}event: {event}\ndata: {text}\n\n".encode()
