"""Who listens to which job, and the bell that tells them to look.

One task reads the Redis streams of every watched job. What arrives there is not passed on: it rings the
job's bell, and a listener that hears it reads PostgreSQL from its own cursor. So nothing is kept for a slow
listener, nothing is delivered twice, and a message that Redis lost is made up for by the next look.
Listeners that stand at the same cursor share one read.
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
"""From where on, and whether all of the job or its points alone."""


@dataclass
class _Watch:
    """A job that somebody listens to."""

    position: str
    """Id of the last message read from its stream."""
    rung: int = 0
    """How often its bell rang; a read that began before the last ring may have missed something."""
    listeners: "set[Listener]" = field(default_factory=set)
    reads: dict[_What, "tuple[int, asyncio.Task[Changes]]"] = field(default_factory=dict)

    def ring(self, *, points_alone: bool = False) -> None:
        self.rung += 1
        for listener in self.listeners:
            listener.ring(points_alone=points_alone)


class Listener:
    """One stream's ear on one job."""

    def __init__(self, hub: "Hub", job_id: str, watch: _Watch) -> None:
        self._hub = hub
        self._job_id = job_id
        self._watch = watch
        self._bell = asyncio.Event()
        self._points_alone = False
        """Nothing but points was written since the last look at all of the job."""
        self._looked = 0.0
        watch.listeners.add(self)

    def ring(self, *, points_alone: bool) -> None:
        self._points_alone = self._points_alone and points_alone
        self._bell.set()

    async def wait(self, seconds: float) -> None:
        """Until something happened to the job, or the time is over."""
        try:
            await asyncio.wait_for(self._bell.wait(), seconds)
        except TimeoutError:
            self._points_alone = False
        self._bell.clear()

    async def changes(self, cursor: Cursor, look_seconds: float) -> Changes:
        """What was written since the cursor, up to a moment not before this call.

        While only points come, only they are read, and all of the job every ``look_seconds``.
        """
        now = time.monotonic()
        points_alone = self._points_alone and now - self._looked < look_seconds
        if not points_alone:
            self._looked = now
        self._points_alone = True
        watch, what = self._watch, (cursor, points_alone)
        rung, task = watch.reads.get(what, (-1, None))
        if task is None or rung != watch.rung:
            task = asyncio.create_task(self._hub.read(self._job_id, *what))
            watch.reads[what] = (watch.rung, task)
            task.add_done_callback(lambda done: _forget(watch, what, done))
        changes = await asyncio.shield(task)
        if changes.more and not points_alone:
            # Its events may go on too, and how it ended: nobody rings again for a job that is over.
            self._points_alone = False
        return changes

    def close(self) -> None:
        self._watch.listeners.discard(self)


def _forget(watch: _Watch, what: _What, task: "asyncio.Task[Changes]") -> None:
    if watch.reads.get(what, (0, None))[1] is task:
        del watch.reads[what]
    if not task.cancelled():
        task.exception()  # those who asked have seen it


class Hub:
    """All listeners of this process. Used from the event loop alone."""

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
        self._watches: dict[str, _Watch] = {}
        self._watched = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self.closing = False
        self.deaf = False
        """Redis does not answer: no bell rings."""

    @property
    def listeners(self) -> int:
        """Open streams."""
        return sum(len(watch.listeners) for watch in list(self._watches.values()))

    def start(self) -> None:
        self._reader = asyncio.create_task(self._read_forever())

    def close(self) -> None:
        """Have every stream end: the process is about to stop, and clients come back elsewhere."""
        self.closing = True
        for watch in self._watches.values():
            watch.ring()

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
        """Hear of everything that is committed to the job from now on."""
        watch = self._watches.get(job_id)
        if watch is None:
            watch = self._watches[job_id] = _Watch(position="$")
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

    async def _include(self, job_id: str, watch: _Watch) -> None:
        """Fix where in the job's stream news begins, and have the reader take it in now."""
        position = "0-0"
        try:
            last = cast("list[tuple[str, Any]]", await self._redis.xrevrange(live_key(job_id), count=1))
            position = last[0][0] if last else "0-0"
        except (RedisError, OSError):
            log.debug("Redis does not answer; the reader will take the job in when it does")
        # Before the reader is woken: it would go back to sleep without this job.
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
                if not self.deaf:
                    log.warning("Redis does not answer (%s); streams look into the database meanwhile", error)
                    self._change_hearing(deaf=True)
                await asyncio.sleep(_PATIENCE)
            else:
                if self.deaf:
                    log.info("Redis answers again")
                    self._change_hearing(deaf=False)

    def _change_hearing(self, *, deaf: bool) -> None:
        """Everybody looks at once, for what rang unheard, and from then on as often as this asks for."""
        self.deaf = deaf
        for watch in self._watches.values():
            watch.ring()

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
                keys[key].ring(points_alone=all(fields.get("kind") == "points" for _, fields in messages))
