"""Limits failed sign-ins: counted in Redis for all processes, or in this process while Redis is unreachable."""

import hashlib
import ipaddress
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from redis.exceptions import RedisError

from control.broker import Broker
from control.errors import TooManyRequests

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60
_AWAY_SECONDS = 10.0
"""Seconds for which Redis is not tried again after it did not answer."""
_MOST = 10_000
"""Most counters that a process keeps itself."""
_KEY_CHARACTERS = 11
"""Of a key, by which attempts at it are counted: ``sb_`` and eight more."""


def sign_in_names(address: str | None, key: str) -> tuple[str, ...]:
    """The names under which a sign-in attempt is counted: its address, and the first characters of the key.

    A client with an IPv6 address usually has 2^64 of them, so the /64 network is counted.
    """
    prefix = hashlib.sha256(key[:_KEY_CHARACTERS].encode()).hexdigest()[:16]
    return f"address:{_network(address)}", f"key:{prefix}"


def _network(address: str | None) -> str:
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


@dataclass
class Throttle:
    """Counts attempts by names, in windows of a minute.

    Args:
        at_most: Most attempts under one name in a window; a successful one is subtracted.
    """

    broker: Broker
    at_most: int
    _own: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Name → when its window ends (`time.monotonic`), and how many there were."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _away_until: float = 0.0

    def attempt(self, names: Sequence[str]) -> None:
        """Count one.

        Raises:
            TooManyRequests: ``sign_in_throttled``.
        """
        for name in names:
            number, seconds = self._count(name, 1)
            if number > self.at_most:
                raise TooManyRequests(
                    "sign_in_throttled",
                    f"Too many attempts to sign in failed. Try again in {seconds} s.",
                    retry_after=seconds,
                    params={"seconds": seconds},
                )

    def forgive(self, names: Sequence[str]) -> None:
        """The attempt succeeded: it does not count."""
        for name in names:
            self._count(name, -1)

    def _count(self, name: str, by: int) -> tuple[int, int]:
        """The number of attempts in this window, and the seconds until it ends."""
        if time.monotonic() >= self._away_until:
            try:
                return self._count_in_redis(name, by)
            except (RedisError, OSError) as error:
                log.warning("Redis does not answer (%s); sign-ins are counted by this process alone", error)
                self._away_until = time.monotonic() + _AWAY_SECONDS
        return self._count_here(name, by)

    def _count_in_redis(self, name: str, by: int) -> tuple[int, int]:
        key = f"seedbed:sign-in:{name}"
        pipeline = self.broker.live.pipeline(transaction=True)
        pipeline.set(key, 0, ex=WINDOW_SECONDS, nx=True)
        pipeline.incrby(key, by)
        pipeline.ttl(key)
        _, number, seconds = pipeline.execute()
        return int(number), max(1, int(seconds))

    def _count_here(self, name: str, by: int) -> tuple[int, int]:
        now = time.monotonic()
        with self._lock:
            if len(self._own) >= _MOST:
                self._own = {key: kept for key, kept in self._own.items() if kept[0] > now}
            if len(self._own) >= _MOST:
                self._own.clear()
            ends, number = self._own.get(name, (0.0, 0))
            if ends <= now:
                ends, number = now + WINDOW_SECONDS, 0
            self._own[name] = (ends, number + by)
        return number + by, max(1, round(ends - now))
