"""Requests and answers of predictions in Redis: the names of the keys, and what is written there.

Each worker has a line: a list of requests, and a hash of the requests that it has not answered yet (id → project), which limits
the line. The answers of a request are a list of its own. All keys expire: a prediction is not stored, and where a worker or
Redis ends, the request is answered with an error (docs/decisions/0018-predictions-go-through-redis.md).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WORKERS = "seedbed:predictions:workers"
"""Set of the ids of workers that answer predictions; some may have ended."""
PRESENCE_SECONDS = 6.0
"""Seconds without a sign of a worker after which its requests count as lost."""
BEAT_SECONDS = 1.0
"""Seconds between two signs."""
ANSWER_SECONDS = 120
"""Seconds for which an answer that nobody reads is kept."""

LINE_SECONDS = ANSWER_SECONDS + 600
"""Seconds for which a line to which no request was added is kept."""
MISSING_SECONDS = 3 * BEAT_SECONDS
"""Seconds for which a request may be missing among the unanswered ones, or its worker's sign, before it counts as lost. After
a loss of Redis' data a worker writes both again with its next sign."""

LINE_CALLS = """
local waiting = redis.call('HVALS', KEYS[2])
if #waiting >= tonumber(ARGV[1]) then return -1 end
local own = 0
for _, project in ipairs(waiting) do if project == ARGV[4] then own = own + 1 end end
if own >= tonumber(ARGV[2]) then return -2 end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[4])
redis.call('RPUSH', KEYS[1], ARGV[5])
redis.call('EXPIRE', KEYS[1], ARGV[6])
redis.call('EXPIRE', KEYS[2], ARGV[6])
return #waiting
"""
"""Script that joins a line in one step. KEYS: line, unanswered. ARGV: places, places of one project, request id, project,
request, seconds. Returns the number of requests ahead; -1: the line is full; -2: the project has its share of it."""


@dataclass(frozen=True)
class Presence:
    """A worker that answers predictions."""

    worker_id: str
    incarnation: str
    """Of the process that serves them: another one has not got its requests."""
    loaded: Sequence[str]
    """Checkpoints that are loaded."""
    unanswered: int

    def dump(self) -> str:
        """As it is stored."""
        return json.dumps(
            {
                "worker": self.worker_id,
                "incarnation": self.incarnation,
                "loaded": list(self.loaded),
                "unanswered": self.unanswered,
            }
        )

    @classmethod
    def parse(cls, stored: str) -> "Presence":
        """What `dump` gave."""
        found: Mapping[str, Any] = json.loads(stored)
        return cls(found["worker"], found["incarnation"], found["loaded"], found["unanswered"])


def presence_key(worker_id: str) -> str:
    """The key with a worker's `Presence`, which expires without further signs of it."""
    return f"seedbed:predictions:worker:{worker_id}"


def line_key(incarnation: str) -> str:
    """The list of requests that a worker has not taken yet, and of cancellations."""
    return f"seedbed:predictions:line:{incarnation}"


def unanswered_key(incarnation: str) -> str:
    """The hash of requests that a worker has not answered yet: id → project."""
    return f"seedbed:predictions:unanswered:{incarnation}"


def answer_key(request_id: str) -> str:
    """The list of a request's messages, in the form that `core.prediction.serving` describes; and ``{"event": "place",
    "ahead": 2}`` while it waits, ``{"event": "lost"}`` where the process that computed it ended."""
    return f"seedbed:predictions:answer:{request_id}"


LOADING_IS_WORTH = 8
"""Requests by which the line of a worker that has the model loaded may be longer than another's."""


def by_preference(workers: Sequence[Presence], checkpoint_id: str) -> list[Presence]:
    """Workers in the order in which they should be asked: those that have the checkpoint loaded and are hardly busier than
    others, then those with the fewest unanswered requests."""
    fewest = min((worker.unanswered for worker in workers), default=0)

    def rank(worker: Presence) -> tuple[bool, int, str]:
        ready = checkpoint_id in worker.loaded and worker.unanswered <= fewest + LOADING_IS_WORTH
        return (not ready, worker.unanswered, worker.worker_id)

    return sorted(workers, key=rank)
