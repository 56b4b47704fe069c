"""Receives wake-up messages from Redis when there is a request (pause, cancel, preempt) on the running job."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from control.broker import calls_key

log = logging.getLogger(__name__)

_BLOCK_SECONDS = 10.0
_PAUSE_SECONDS = 1.0


class WakeupListener:
    """Listens from a thread of its own. The job's row holds the request; a message only says to read the row now.

    While Redis is unreachable no message arrives, and the next heartbeat finds the request.

    Args:
        worker_id: This worker's id; None while it has none.
    """

    def __init__(self, redis_url: str, worker_id: Callable[[], str | None]) -> None:
        self._redis = redis.Redis.from_url(
            redis_url, decode_responses=True, socket_timeout=_BLOCK_SECONDS + 5, retry=Retry(NoBackoff(), 0)
        )
        self._worker_id = worker_id
        self._called: Callable[[], object] | None = None
        self._stopped = threading.Event()
        threading.Thread(target=self._run, name="wakeup_listener", daemon=True).start()

    @contextmanager
    def listening(self, called: Callable[[], object]) -> Iterator[None]:
        """Call ``called`` for every message within the block."""
        self._called = called
        try:
            yield
        finally:
            self._called = None

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        position, disconnected = "0-0", False
        while not self._stopped.is_set():
            worker_id = self._worker_id()
            if worker_id is None:
                continue  # `worker_id` has waited for the registration
            try:
                news = self._redis.xread({calls_key(worker_id): position}, block=int(_BLOCK_SECONDS * 1000))
            except (RedisError, OSError) as error:
                if not disconnected:
                    log.warning(
                        "Redis does not answer (%s); requests on a job arrive with its heartbeats meanwhile",
                        error,
                    )
                disconnected = True
                self._stopped.wait(_PAUSE_SECONDS)
                continue
            disconnected = False
            for _, messages in cast("list[tuple[str, list[tuple[str, object]]]]", news or []):
                position = messages[-1][0]
                if (called := self._called) is not None:
                    called()
