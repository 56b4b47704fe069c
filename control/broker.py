"""Redis: wake-ups to the workers (through Celery), and live messages to those who listen to a job.

PostgreSQL holds the state. A wake-up says that there is work, and the leader sends another when one is lost; a live message
says that something was committed about a job. So every call here gives up within about a second, and a failure is harmless.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

import redis
from celery import Celery
from redis.backoff import NoBackoff
from redis.retry import Retry

from control.settings import Settings, settings

TASK = "seedbed.run_job"
Queue = Literal["cpu", "gpu"]
QUEUES: tuple[Queue, ...] = ("cpu", "gpu")

LiveKind = Literal["points", "job"]
"""What was written: metric points only, or anything about the job."""
LIVE_LENGTH = 2000
"""About how many messages a job's live stream keeps; a listener that is further behind reads PostgreSQL."""
LIVE_SECONDS = 24 * 3600
"""Seconds without a message after which Redis drops a job's live stream."""

_TIMEOUT = 1.0


@dataclass(frozen=True)
class LiveMessage:
    """Something about a job was committed."""

    job_id: str
    kind: LiveKind


def live_key(job_id: str) -> str:
    """The Redis stream of a job's live messages, each with one field, ``kind``."""
    return f"seedbed:live:{job_id}"


def calls_key(worker_id: str) -> str:
    """The Redis stream whose messages make a worker read the request on its job at once. Their content does not matter."""
    return f"seedbed:calls:{worker_id}"


def broker_url(chosen: Settings) -> str:
    """Celery's URL: the same server as ``REDIS_URL``, the logical database after it."""
    parts = urlsplit(chosen.redis_url)
    if parts.scheme == "unix":
        number = int(parse_qs(parts.query).get("db", ["0"])[0]) + 1
        login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        return f"redis+socket://{login}{quote(parts.path, safe='/%')}?virtual_host={number}"
    number = int(parts.path.strip("/") or 0) + 1
    return urlunsplit(parts._replace(path=f"/{number}"))


class Broker:
    """Connections to one Redis server; cheap until used, safe to share between threads."""

    def __init__(self, chosen: Settings) -> None:
        self.live = redis.Redis.from_url(
            chosen.redis_url,
            decode_responses=True,
            socket_timeout=_TIMEOUT,
            # One immediate retry: the server may have been restarted since the connection was made.
            retry=Retry(NoBackoff(), 1),
            **({} if chosen.redis_url.startswith("unix") else {"socket_connect_timeout": _TIMEOUT}),
        )
        self._celery = Celery("seedbed", broker=broker_url(chosen), set_as_current=False)
        self._celery.conf.update(
            task_ignore_result=True,
            broker_connection_timeout=_TIMEOUT,
            broker_transport_options={
                "socket_timeout": _TIMEOUT,
                "socket_connect_timeout": _TIMEOUT,
                "max_retries": 1,
                "interval_start": 0,
                "interval_step": 0,
                "interval_max": 0,
            },
        )

    def wake(self, queue: Queue, job_id: str) -> None:
        """Tell the queue's workers that there is work; `job_id` is for their logs.

        Raises:
            kombu.exceptions.OperationalError: Redis does not answer.
        """
        self._celery.send_task(TASK, args=[job_id], queue=queue, retry=False, ignore_result=True)

    def backlog(self, queue: Queue) -> int:
        """Messages in the queue that no worker has taken.

        Raises:
            kombu.exceptions.OperationalError: Redis does not answer.
        """
        with self._celery.connection_for_write() as connection:
            length: int = connection.default_channel.client.llen(queue)
            return length

    def publish(self, messages: Iterable[LiveMessage]) -> None:
        """Append to the jobs' live streams in one round trip and one transaction: a reader wakes up once for all of them.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        pipeline = self.live.pipeline(transaction=True)
        keys = set()
        for message in messages:
            key = live_key(message.job_id)
            keys.add(key)
            pipeline.xadd(key, {"kind": message.kind}, maxlen=LIVE_LENGTH, approximate=True)
        for key in keys:
            pipeline.expire(key, LIVE_SECONDS)
        pipeline.execute()

    def call(self, worker_id: str) -> None:
        """Wake up a worker because there is a request on its job; without this its next heartbeat finds the request.

        Raises:
            redis.RedisError: Redis does not answer.
        """
        key = calls_key(worker_id)
        pipeline = self.live.pipeline(transaction=True)
        pipeline.xadd(key, {"look": "now"}, maxlen=1, approximate=False)
        pipeline.expire(key, LIVE_SECONDS)
        pipeline.execute()

    def ping(self) -> None:
        """Raises:
        redis.RedisError: Redis does not answer.
        """
        self.live.ping()

    def close(self) -> None:
        """Close the connections."""
        self.live.close()
        self._celery.close()


@lru_cache
def broker() -> Broker:
    """This process's broker."""
    return Broker(settings())


def redis_client() -> "redis.Redis":
    """This process's client for live messages: text in, text out; it waits a second for an answer."""
    return broker().live
