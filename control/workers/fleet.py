"""The workers that are online, and which of them may run which job.

A job goes to the kind of worker it is meant for: ``cuda`` to GPU workers only; ``auto`` to a GPU worker, or to a CPU
worker while no GPU worker is online whose memory it fits; ``cpu`` to a CPU worker, or to a GPU worker while no CPU
worker is online. The rule is written once, as ranges of memory, for SQL and Python to use.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

from control.broker import Queue
from control.db import ReadSession
from control.workers import repository

JobDevice = Literal["auto", "cpu", "cuda"]
WorkerDevice = Literal["cpu", "cuda"]

UNLIMITED = 2**63 - 1


@dataclass(frozen=True)
class Offer:
    """Jobs for `device` whose memory estimate is above `above` bytes and at most `upto`."""

    device: JobDevice
    above: int
    upto: int


@dataclass(frozen=True)
class Member:
    """A worker that is online."""

    id: str
    device: WorkerDevice
    memory_bytes: int

    @property
    def queue(self) -> Queue:
        """The queue of its wake-ups."""
        return "gpu" if self.device == "cuda" else "cpu"


@dataclass(frozen=True)
class Fleet:
    """All workers that are online."""

    members: Sequence[Member]

    def largest(self, device: WorkerDevice) -> int:
        """Largest memory of a worker of the kind, in bytes; -1 where none is online."""
        return max((m.memory_bytes for m in self.members if m.device == device), default=-1)

    def offers(self, worker: Member) -> list[Offer]:
        """What `worker` may run."""
        if worker.device == "cuda":
            return [
                Offer("cuda", -1, worker.memory_bytes),
                Offer("auto", -1, worker.memory_bytes),
                # The memory of the GPU says nothing about the host's memory, which such a job would use.
                Offer("cpu", self.largest("cpu"), UNLIMITED),
            ]
        return [
            Offer("cpu", -1, worker.memory_bytes),
            Offer("auto", self.largest("cuda"), worker.memory_bytes),
        ]

    def able(self, device: str, memory_bytes: int) -> list[Member]:
        """The workers that may run a job for `device` with this memory estimate."""
        return [
            member
            for member in self.members
            if any(
                offer.device == device and offer.above < memory_bytes <= offer.upto
                for offer in self.offers(member)
            )
        ]


def fleet(session: ReadSession) -> Fleet:
    """The workers that are online now."""
    found = repository.all_online(session)
    return Fleet(
        [Member(worker_id, cast("WorkerDevice", device), memory) for worker_id, device, memory in found]
    )
