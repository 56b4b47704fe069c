"""The supervisor's view of its lease, on a clock that the test moves."""

import threading
from collections.abc import Iterator

import pytest

from worker.lease import Lease

LEASE_SECONDS = 30.0


class Clock:
    """A clock that the test moves, and that records when it was read."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._read = threading.Condition()
        self._reads = 0

    def __call__(self) -> float:
        with self._read:
            self._reads += 1
            self._read.notify_all()
            return self._now

    def move_to(self, seconds: float) -> None:
        """Set the clock to this many seconds after the start."""
        self._now = 1000.0 + seconds

    def is_read_by(self, lease: Lease) -> None:
        """Wait until the lease's thread has read this clock after this call."""
        with self._read:
            before = self._reads
        lease.renewed(float("-inf"))  # renews nothing, and makes the thread read the clock
        with self._read:
            assert self._read.wait_for(lambda: self._reads > before, timeout=10)


class Watched:
    """A lease and the callbacks that it has called."""

    def __init__(self, clock: Clock, *, grace_seconds: float) -> None:
        self.expired = threading.Event()
        self.overdue = threading.Event()
        self.calls: list[str] = []
        self.lease = Lease(
            LEASE_SECONDS,
            self._expire,
            grace_seconds=grace_seconds,
            on_overdue=self._end,
            clock=clock,
        )

    def _expire(self) -> None:
        self.calls.append("expired")
        self.expired.set()

    def _end(self) -> None:
        self.calls.append("overdue")
        self.overdue.set()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watched(clock: Clock) -> Iterator[Watched]:
    watched = Watched(clock, grace_seconds=3600)
    yield watched
    watched.lease.release()


def test_a_lease_expires_after_its_duration(clock: Clock, watched: Watched) -> None:
    clock.move_to(LEASE_SECONDS - 0.001)
    clock.is_read_by(watched.lease)
    assert not watched.lease.expired.is_set()

    clock.move_to(LEASE_SECONDS)
    clock.is_read_by(watched.lease)
    assert watched.expired.wait(10)
    assert watched.lease.expired.is_set()


def test_a_renewal_counts_from_the_request_and_not_from_the_response(clock: Clock, watched: Watched) -> None:
    """The database's lease starts between request and response; only the time of the request is certainly not too late."""
    asked_at = clock()
    clock.move_to(20)  # the response was delayed
    watched.lease.renewed(asked_at)

    clock.move_to(LEASE_SECONDS)
    clock.is_read_by(watched.lease)
    assert watched.expired.wait(10)


def test_a_renewal_extends_the_lease_and_an_older_one_never_shortens_it(
    clock: Clock, watched: Watched
) -> None:
    clock.move_to(10)
    watched.lease.renewed(clock())
    watched.lease.renewed(clock() - 9)

    clock.move_to(10 + LEASE_SECONDS - 0.001)
    clock.is_read_by(watched.lease)
    assert not watched.lease.expired.is_set()

    clock.move_to(10 + LEASE_SECONDS)
    clock.is_read_by(watched.lease)
    assert watched.expired.wait(10)


def test_after_the_grace_period_the_process_is_ended(clock: Clock) -> None:
    watched = Watched(clock, grace_seconds=0.01)
    clock.move_to(LEASE_SECONDS)
    clock.is_read_by(watched.lease)
    assert watched.overdue.wait(10)
    watched.lease.release()
    assert watched.calls == ["expired", "overdue"]


def test_a_renewal_after_the_expiry_has_no_effect(clock: Clock, watched: Watched) -> None:
    """By then another attempt may hold the job, and the engine was requested to stop."""
    clock.move_to(LEASE_SECONDS)
    clock.is_read_by(watched.lease)
    assert watched.expired.wait(10)
    watched.lease.renewed(clock())
    assert watched.lease.expired.is_set()
    assert watched.calls == ["expired"]


def test_a_released_lease_calls_no_callback(clock: Clock) -> None:
    watched = Watched(clock, grace_seconds=0)
    watched.lease.release()
    clock.move_to(2 * LEASE_SECONDS)
    assert watched.calls == []
    assert not watched.lease.expired.is_set()

    during_the_grace = Watched(clock, grace_seconds=3600)
    clock.move_to(4 * LEASE_SECONDS)
    clock.is_read_by(during_the_grace.lease)
    assert during_the_grace.expired.wait(10)
    during_the_grace.lease.release()
    assert during_the_grace.calls == ["expired"]
