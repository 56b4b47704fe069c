"""Wakes up the event streams of a job when something is written to it.

One asyncio task reads the Redis streams of every watched job. The messages are not passed on: each only wakes up the
job's listeners, and every listener then reads PostgreSQL from its own cursor. So nothing is queued for a slow
listener, nothing is delivered twice, and the next periodic read finds what a lost Redis message announced.
Listeners at the same cursor share one read.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, cast

import redis.asyncio
from prometheus_client import Gauge
from redis.exceptions import RedisError
from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from control.broker import live_key
from control.db import glance, read
from control.live import service
from control.live.service import Changes, Cursor

log = logging.getLogger(__name__)

LISTENERS = Gauge("seedbed_stream_listeners", "Open event streams.")

_BLOCK_MS = 10_000
_PATIENCE = 0.5
"""Seconds between attempts to reach Redis again."""


_What = tuple[Cursor, bool]
"""What a read covers: the cursor from which it begins, and whether it reads only points or all of the job."""


@dataclass
class _WatchedJob:
    """A job that has at least one listener."""

    position: str
    """Id of the last message read from its stream."""
    notifications: int = 0
    """Number of wake-ups so far; a read that began before the last one may have missed something."""
    listeners: "set[Listener]" = field(default_factory=set)
    reads: dict[_What, "tuple[int, asyncio.Task[Changes]]"] = field(default_factory=dict)

    def notify(self, *, points_alone: bool = False) -> None:
        self.notifications += 1
        for listener in self.listeners:
            listener.notify(points_alone=points_alone)


class Listener:
    """The subscription of one event stream to one job."""

    def __init__(self, hub: "Hub", job_id: str, watch: _WatchedJob) -> None:
        self._hub = hub
        self._job_id = job_id
        self._watch = watch
        self._wakeup = asyncio.Event()
        self._points_alone = False
        """Whether only points were written since the last read of all of the job."""
        self._looked = 0.0
        watch.listeners.add(self)

    def notify(self, *, points_alone: bool) -> None:
        self._points_alone = self._points_alone and points_alone
        self._wakeup.set()

    async def wait(self, seconds: float) -> None:
        """Wait for a wake-up, at most for the given seconds."""
        try:
            await asyncio.wait_for(self._wakeup.wait(), seconds)
        except TimeoutError:
            self._points_alone = False
        self._wakeup.clear()

    async def changes(self, cursor: Cursor, look_seconds: float) -> Changes:
        """What was written since the cursor, up to a moment not before this call.

        While only points are written, only points are read, and all of the job every ``look_seconds``.
        """
        now = time.monotonic()
        points_alone = self._points_alone and now - self._looked < look_seconds
        if not points_alone:
            self._looked = now
        self._points_alone = True
        watch, what = self._watch, (cursor, points_alone)
        notifications, task = watch.reads.get(what, (-1, None))
        if task is None or notifications != watch.notifications:
            task = asyncio.create_task(self._hub.read(self._job_id, *what))
            watch.reads[what] = (watch.notifications, task)
            task.add_done_callback(lambda done: _forget(watch, what, done))
        changes = await asyncio.shield(task)
        if changes.more and not points_alone:
            # There may be more events too, and the end of the job: a job that is over sends no further wake-up.
            self._points_alone = False
        return changes

    def close(self) -> None:
        self._watch.listeners.discard(self)


def _forget(watch: _WatchedJob, what: _What, task: "asyncio.Task[Changes]") -> None:
    if watch.reads.get(what, (0, None))[1] is task:
        del watch.reads[what]
    if not task.cancelled():
        task.exception()  # the listeners that wait for it get the exception too


class Hub:
    """All listeners of this process. Used from the event loop only."""

    def __init__(self, engine: Engine, redis_url: str) -> None:
        self._engine = engine
        self._redis = redis.asyncio.Redis.from_url(
            redis_url,
            decode_responses=True,
            socket_timeout=_BLOCK_MS / 1000 + 5,
            protocol=2,
        )
        self._wake_key = live_key(f"wake:{secrets.token_urlsafe(9)}")
        self._wake_position = "0-0"
        self._watches: dict[str, _WatchedJob] = {}
        self._watched = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self.closing = False
        self.disconnected = False
        """Whether Redis does not answer, so that no wake-up arrives."""

    @property
    def listeners(self) -> int:
        """Number of open streams."""
        return sum(len(watch.listeners) for watch in list(self._watches.values()))

    def start(self) -> None:
        self._reader = asyncio.create_task(self._read_forever())

    def close(self) -> None:
        """End every stream, because the process is about to stop; clients reconnect to another process."""
        self.closing = True
        for watch in self._watches.values():
            watch.notify()

    async def stop(self) -> None:
        self.close()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    @contextlib.asynccontextmanager
    async def listen(self, job_id: str) -> AsyncIterator[Listener]:
        """Subscribe to everything that is committed to the job from now on."""
        watch = self._watches.get(job_id)
        if watch is None:
            watch = self._watches[job_id] = _WatchedJob(position="$")
        listener = Listener(self, job_id, watch)
        LISTENERS.inc()
        try:
            if watch.position == "$":
                await self._include(job_id, watch)
            yield listener
        finally:
            LISTENERS.dec()
            listener.close()
            if not watch.listeners:
                self._watches.pop(job_id, None)

    async def read(self, job_id: str, cursor: Cursor, points_alone: bool) -> Changes:  # noqa: FBT001
        return await run_in_threadpool(self._changes, job_id, cursor, points_alone)

    def _changes(self, job_id: str, cursor: Cursor, points_alone: bool) -> Changes:  # noqa: FBT001
        if points_alone:
            with glance(self._engine) as session:
                return service.new_points(session, job_id, cursor)
        with read(self._engine) as session:
            return service.changes(session, job_id, cursor)

    async def _include(self, job_id: str, watch: _WatchedJob) -> None:
        """Set the position in the job's Redis stream from which messages count, and make the reader include the job now."""
        position = "0-0"
        try:
            last = cast("list[tuple[str, Any]]", await self._redis.xrevrange(live_key(job_id), count=1))
            position = last[0][0] if last else "0-0"
        except (RedisError, OSError):
            log.debug("Redis does not answer; the reader will include the job when it does")
        # Set before the reader is woken up, which would otherwise wait again without this job.
        if watch.position == "$":
            watch.position = position
        self._watched.set()
        with contextlib.suppress(RedisError, OSError):
            await self._redis.xadd(self._wake_key, {"wake": "1"}, maxlen=1, approximate=False)
            await self._redis.expire(self._wake_key, 3600)

    async def _read_forever(self) -> None:
        while True:
            if not self._watches:
                self._watched.clear()
                await self._watched.wait()
            try:
                await self._read_once()
            except (RedisError, OSError) as error:
                if not self.disconnected:
                    log.warning("Redis does not answer (%s); streams poll the database meanwhile", error)
                    self._set_disconnected(disconnected=True)
                await asyncio.sleep(_PATIENCE)
            else:
                if self.disconnected:
                    log.info("Redis answers again")
                    self._set_disconnected(disconnected=False)

    def _set_disconnected(self, *, disconnected: bool) -> None:
        """Wake up every listener, to find what was missed, and to apply the poll interval of the new state."""
        self.disconnected = disconnected
        for watch in self._watches.values():
            watch.notify()

    async def _read_once(self) -> None:
        keys = {live_key(job_id): watch for job_id, watch in self._watches.items() if watch.position != "$"}
        positions = {key: watch.position for key, watch in keys.items()} | {
            self._wake_key: self._wake_position
        }
        news = cast(
            "list[tuple[str, list[tuple[str, dict[str, str]]]]]",
            await self._redis.xread(cast("Any", positions), block=_BLOCK_MS, count=1000) or [],
        )
        for key, messages in news:
            last = messages[-1][0]
            if key == self._wake_key:
                self._wake_position = last
            else:
                keys[key].position = last
                keys[key].notify(points_alone=all(fields.get("kind") == "points" for _, fields in messages))
