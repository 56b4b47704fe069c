"""Sends predictions to workers through Redis, and passes their answers on."""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import Any, cast

import redis.asyncio
from redis.exceptions import RedisError

from control.errors import SeedbedError, TooManyRequests, Unavailable
from control.predictions.channel import (
    LINE_CALLS,
    LINE_SECONDS,
    MISSING_SECONDS,
    WORKERS,
    Presence,
    answer_key,
    by_preference,
    line_key,
    presence_key,
    unanswered_key,
)
from control.predictions.errors import failure, lost, timed_out
from control.predictions.request import PredictionRequest
from control.settings import Settings

log = logging.getLogger(__name__)

LOOK_SECONDS = 1
"""Seconds between two checks of whether the worker is still there."""
_RETRY_SECONDS = 2

Message = Mapping[str, Any]


class Predictions:
    """Used from the event loop only."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._redis = redis.asyncio.Redis.from_url(
            settings.redis_url, decode_responses=True, socket_timeout=LOOK_SECONDS + 5, protocol=2
        )
        self._join = self._redis.register_script(LINE_CALLS)

    async def close(self) -> None:
        """Close the connections."""
        with contextlib.suppress(RedisError, OSError):
            await self._redis.aclose()

    async def join(self, request: PredictionRequest) -> "Answer":
        """Send a request to the worker that suits it best.

        Raises:
            TooManyRequests: ``predictions_busy``; Unavailable: ``no_prediction_worker``, ``predictions_unavailable``.
        """
        try:
            return await self._join_best(request)
        except (RedisError, OSError) as error:
            raise Unavailable(
                "predictions_unavailable",
                "Predictions go through Redis, which does not answer at the moment. Try again shortly.",
            ) from error

    async def _join_best(self, request: PredictionRequest) -> "Answer":
        workers = by_preference(await self._workers(), request.checkpoint_id)
        if not workers:
            raise Unavailable(
                "no_prediction_worker",
                "No worker is online that could compute it. Start one with `seedbed-server worker`, then try again.",
            )
        limit = self._settings.predict_line
        share = max(1, limit * 3 // 4)
        refusals = set()
        for worker in workers:
            ahead = await self._enter(worker, request, limit, share)
            if ahead >= 0:
                return Answer(self._redis, request, worker, ahead)
            refusals.add(ahead)
        if refusals == {-2}:
            raise _busy(
                f"This project has {share} predictions under way or waiting, as many as one project may have.",
                share,
                share,
            )
        place = min(worker.unanswered for worker in workers) + 1
        raise _busy(
            f"{place - 1} predictions are waiting or computed already, and {limit} may be.", place, limit
        )

    async def _workers(self) -> list[Presence]:
        ids = sorted(await cast("Any", self._redis.smembers(WORKERS)))
        if not ids:
            return []
        stored = await self._redis.mget([presence_key(worker_id) for worker_id in ids])
        gone = [worker_id for worker_id, found in zip(ids, stored, strict=True) if found is None]
        if gone:
            await cast("Any", self._redis.srem(WORKERS, *gone))
        workers = [Presence.parse(str(found)) for found in stored if found is not None]
        if len(workers) < 2:
            return workers
        # A sign is up to a second old, in which many requests may have been sent to its worker.
        pipeline = self._redis.pipeline(transaction=False)
        for worker in workers:
            pipeline.hlen(unanswered_key(worker.incarnation))
        counts = await pipeline.execute()
        return [replace(worker, unanswered=int(count)) for worker, count in zip(workers, counts, strict=True)]

    async def _enter(self, worker: Presence, request: PredictionRequest, limit: int, share: int) -> int:
        keys = [line_key(worker.incarnation), unanswered_key(worker.incarnation)]
        arguments: list[int | str] = [
            limit,
            share,
            request.id,
            request.project_id,
            request.dump(),
            LINE_SECONDS,
        ]
        return int(await self._join(keys=keys, args=arguments))


class Answer:
    """The messages of one request as they come.

    Args:
        ahead: Requests that the worker had not answered yet when this one joined its line.
    """

    def __init__(
        self, connections: "redis.asyncio.Redis", request: PredictionRequest, worker: Presence, ahead: int
    ) -> None:
        self._redis = connections
        self._request = request
        self._worker = worker
        self._missing_since: float | None = None
        self.ahead = ahead

    async def messages(self) -> AsyncGenerator[Message | None]:
        """Messages until the result, in the form of `core.prediction.serving`; None once a second without one.

        The worker is told to stop if the caller ends the iteration earlier.

        Raises:
            SeedbedError: the prediction failed, took too long, or its worker was lost.
        """
        deadline = time.monotonic() + self._request.seconds
        over = False
        try:
            while not over:
                message = await self._next()
                if message is None:
                    await self._check_worker()
                    if time.monotonic() > deadline + 2 * LOOK_SECONDS:
                        raise timed_out(self._request.seconds)
                    yield None
                    continue
                over = message["event"] in {"result", "failed", "lost", "cancelled"}
                yield self._checked(message)
        except (RedisError, OSError) as error:
            raise Unavailable(
                "predictions_unavailable",
                "Redis stopped answering while the prediction was computed. Try again shortly.",
                params={"case": "answering"},
            ) from error
        finally:
            if not over:
                await asyncio.shield(self._cancel())

    def _checked(self, message: Message) -> Message:
        match message["event"]:
            case "failed":
                raise failure(message)
            case "lost" | "cancelled":
                raise lost()
        return message

    async def _next(self) -> Message | None:
        found = await cast("Any", self._redis.blpop([answer_key(self._request.id)], timeout=LOOK_SECONDS))
        return None if found is None else json.loads(found[1])

    async def _check_worker(self) -> None:
        """
        Raises:
            SeedbedError: the worker has ended, or neither it nor Redis has the request any more.
        """
        stored = await self._redis.get(presence_key(self._worker.worker_id))
        shown = None if stored is None else Presence.parse(str(stored))
        if shown is not None and shown.incarnation != self._worker.incarnation:
            await self._raise_unless_answered()
        elif shown is not None and await self._is_unanswered():
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = time.monotonic()
        elif time.monotonic() > self._missing_since + MISSING_SECONDS:
            await self._raise_unless_answered()

    async def _is_unanswered(self) -> bool:
        key = unanswered_key(self._worker.incarnation)
        return bool(await cast("Any", self._redis.hexists(key, self._request.id)))

    async def _raise_unless_answered(self) -> None:
        """An answer that was written just before the end of the worker still counts."""
        if not await cast("Any", self._redis.llen(answer_key(self._request.id))):
            raise lost()

    async def _cancel(self) -> None:
        with contextlib.suppress(RedisError, OSError):
            cancellation = json.dumps({"cancel": self._request.id})
            # Behind the request, which the worker may not have taken yet.
            await cast("Any", self._redis.rpush(line_key(self._worker.incarnation), cancellation))
            await self._redis.delete(answer_key(self._request.id))


def _busy(detail: str, place: int, limit: int) -> SeedbedError:
    return TooManyRequests(
        "predictions_busy",
        f"{detail} Try again in {_RETRY_SECONDS} s.",
        retry_after=_RETRY_SECONDS,
        params={"place": place, "limit": limit, "seconds": _RETRY_SECONDS},
    )
