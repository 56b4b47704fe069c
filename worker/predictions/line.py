"""This worker's line of predictions in Redis: takes requests out, and writes answers."""

import contextlib
import json
import logging
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from control.predictions.channel import (
    ANSWER_SECONDS,
    BEAT_SECONDS,
    LINE_SECONDS,
    PRESENCE_SECONDS,
    WORKERS,
    Presence,
    answer_key,
    line_key,
    presence_key,
    unanswered_key,
)
from control.predictions.request import PredictionRequest

log = logging.getLogger(__name__)

_PAUSE_SECONDS = 1.0


class Line:
    """Two threads: one takes requests out, one shows that this worker is there.

    Args:
        worker_id: This worker's id; None while it has none.
        put: Takes each `PredictionRequest`, and the id of each request that is to be cancelled.
        loaded: The checkpoints that are loaded.
    """

    def __init__(
        self,
        redis_url: str,
        worker_id: Callable[[], str | None],
        put: Callable[[object], object],
        loaded: Callable[[], Sequence[str]],
    ) -> None:
        self.incarnation = secrets.token_urlsafe(9)
        self._redis = redis.Redis.from_url(
            redis_url, decode_responses=True, socket_timeout=BEAT_SECONDS + 5, retry=Retry(NoBackoff(), 1)
        )
        self._worker_id = worker_id
        self._put = put
        self._loaded = loaded
        self._stopped = threading.Event()
        self._held: dict[str, str] = {}
        """Requests that this worker has taken and not answered: id → project."""
        self._over: set[str] = set()
        """Requests that are over, but may still be among the unanswered ones in Redis."""
        self._marking = threading.Lock()
        """Held while the unanswered requests in Redis are changed, so that `_show` marks none that was answered meanwhile."""
        for target, name in ((self._take_all, "prediction line"), (self._show, "prediction presence")):
            threading.Thread(target=target, name=name, daemon=True).start()

    def stop(self) -> None:
        """No longer take requests, and say so."""
        self._stopped.set()
        worker_id = self._worker_id()
        if worker_id is not None:
            with contextlib.suppress(RedisError, OSError):
                self._redis.delete(presence_key(worker_id))

    def tell(self, request_id: str, message: Mapping[str, Any]) -> None:
        """Write a message of a request that goes on."""
        self._write(request_id, message, last=False)

    def finish(self, request_id: str, message: Mapping[str, Any]) -> None:
        """Write the last message of a request, and take it off the line."""
        self._write(request_id, message, last=True)

    def _write(self, request_id: str, message: Mapping[str, Any], *, last: bool) -> None:
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.rpush(answer_key(request_id), json.dumps(dict(message)))
        pipeline.expire(answer_key(request_id), ANSWER_SECONDS)
        with self._marking if last else contextlib.nullcontext():
            if last:
                self._held.pop(request_id, None)
                pipeline.hdel(unanswered_key(self.incarnation), request_id)
            try:
                pipeline.execute()
            except (RedisError, OSError) as error:
                # The API learns from Redis, or from a request that is no longer among the unanswered ones, that it is lost.
                log.warning("the answer of a prediction could not be written: %s", error)
                if last:
                    self._over.add(request_id)

    def _take_all(self) -> None:
        while not self._stopped.is_set():
            try:
                found = self._redis.blpop([line_key(self.incarnation)], timeout=BEAT_SECONDS)
            except (RedisError, OSError):
                self._stopped.wait(_PAUSE_SECONDS)
                continue
            if found is None:
                continue
            document = json.loads(cast("tuple[str, str]", found)[1])
            if "cancel" in document:
                self._put(document["cancel"])
                continue
            request = PredictionRequest.parse(document)
            with self._marking:
                self._held[request.id] = request.project_id
            self._put(request)

    def _show(self) -> None:
        while not self._stopped.is_set():
            worker_id = self._worker_id()
            if worker_id is None:
                continue  # `worker_id` has waited for the registration
            with contextlib.suppress(RedisError, OSError):
                presence = Presence(worker_id, self.incarnation, self._loaded(), self._mark())
                pipeline = self._redis.pipeline(transaction=True)
                pipeline.set(presence_key(worker_id), presence.dump(), px=round(PRESENCE_SECONDS * 1000))
                pipeline.sadd(WORKERS, worker_id)
                if not self._stopped.is_set():
                    pipeline.execute()
            self._stopped.wait(BEAT_SECONDS)

    def _mark(self) -> int:
        """The number of unanswered requests in Redis, once they are marked again that Redis lost by a restart or a flush."""
        key = unanswered_key(self.incarnation)
        with self._marking:
            pipeline = self._redis.pipeline(transaction=True)
            if self._over:
                pipeline.hdel(key, *self._over)
            if self._held:
                pipeline.hset(key, mapping=cast("Any", self._held))
                pipeline.expire(key, LINE_SECONDS)
            pipeline.hlen(key)
            unanswered = int(pipeline.execute()[-1])
            self._over.clear()
        return unanswered
