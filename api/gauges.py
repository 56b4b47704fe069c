"""Prometheus gauges that are read from the database at a scrape, at most once every few seconds."""

import threading
import time

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from control.db import read
from control.lifecycle.schemas import State
from control.system.service import Load, load

FRESH_SECONDS = 10.0
_STATES: tuple[State, ...] = ("queued", "running", "paused", "succeeded", "failed", "cancelled")


class LoadGauges:
    """The load of the service in Prometheus' text format. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._read_at = -FRESH_SECONDS
        self._text = b""

    def text(self) -> bytes:
        """The gauges; empty while the database does not answer, so that a scrape still gets the process's own metrics."""
        with self._lock:
            if time.monotonic() - self._read_at >= FRESH_SECONDS:
                try:
                    with read(self._engine) as session:
                        self._text = _render(load(session))
                except SQLAlchemyError:
                    return b""
                self._read_at = time.monotonic()
            return self._text


def _render(found: Load) -> bytes:
    registry = CollectorRegistry()
    jobs = Gauge("seedbed_jobs", "Jobs in each state.", ["state"], registry=registry)
    for state in _STATES:
        jobs.labels(state).set(found.jobs.get(state, 0))
    oldest = Gauge("seedbed_queue_oldest_seconds", "Wait of the job that waits longest.", registry=registry)
    oldest.set(found.oldest_wait_seconds or 0)
    workers = Gauge("seedbed_workers", "Workers that are online.", ["state"], registry=registry)
    workers.labels("busy").set(found.workers_busy)
    workers.labels("idle").set(found.workers_online - found.workers_busy)
    return generate_latest(registry)
