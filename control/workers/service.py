"""Registers workers, and records their heartbeats and their end."""

from collections.abc import Mapping
from typing import Any

from control.db import ReadSession, WriteSession
from control.errors import NotFound
from control.ids import new_id
from control.workers import repository
from control.workers.fleet import Member, WorkerDevice
from control.workers.models import Worker


def register(
    session: WriteSession,
    *,
    name: str,
    device: WorkerDevice,
    device_name: str,
    memory_bytes: int,
    threads: int,
    version: str,
    details: Mapping[str, Any] | None = None,
) -> str:
    """Register a worker that starts.

    Args:
        name: ``hostname:pid``, for people.
        device_name: The manufacturer's name of the device.
        memory_bytes: Of the device: GPU memory, or the machine's for a CPU worker.
        threads: CPU threads that a job gets.
        version: Version of Seedbed.

    Returns:
        Its id; new with each start.
    """
    worker = Worker(
        id=new_id("wrk"),
        name=name,
        device=device,
        device_name=device_name,
        memory_bytes=memory_bytes,
        threads=threads,
        version=version,
        details=dict(details or {}),
    )
    session.add(worker)
    session.flush()
    return worker.id


def beat(session: WriteSession, worker_id: str) -> None:
    """Record a heartbeat of the worker.

    Raises:
        NotFound: it is not registered; it should register again.
    """
    if not repository.touch(session, worker_id):
        raise NotFound(
            "worker_not_found", f"No worker {worker_id} is registered.", params={"worker": worker_id}
        )


def stopped(session: WriteSession, worker_id: str) -> None:
    """Record the worker's graceful shutdown."""
    repository.mark_stopped(session, worker_id)


def member(session: ReadSession, worker_id: str) -> Member:
    """One worker as a member of the fleet, online or not.

    Raises:
        NotFound: it never registered.
    """
    worker = repository.get(session, worker_id)
    if worker is None:
        raise NotFound(
            "worker_not_found", f"No worker {worker_id} is registered.", params={"worker": worker_id}
        )
    return Member(worker.id, worker.device, worker.memory_bytes)  # type: ignore[arg-type]
