"""Why a queued job does not run yet, in sentences for people. Told when asked, so it is never out of date."""

from collections.abc import Sequence

from control.db import ReadSession
from control.lifecycle.models import Job
from control.scheduling import repository
from control.scheduling.slots import Slot, Slots, slots
from control.workers.fleet import Fleet

COUNTED = 100
"""Jobs ahead are counted no further."""


def waiting_reasons(session: ReadSession, jobs: Sequence[Job]) -> dict[str, str]:
    """Job id → why it waits, for those of `jobs` that are queued."""
    queued = [job for job in jobs if job.state == "queued"]
    if not queued:
        return {}
    now = slots(session)
    reasons = {}
    for device in {job.device for job in queued}:
        line = _line_up(session, rivals(now.fleet, device))
        for job in queued:
            if job.device == device:
                ahead = line.get(job.id, COUNTED + 1)
                reasons[job.id] = reason(now, device, job.memory_bytes, ahead)
    return reasons


def reason(now: Slots, device: str, memory_bytes: int, ahead: int) -> str:
    """The sentence.

    Args:
        ahead: Jobs that come before it, counted up to ``COUNTED`` + 1.
    """
    able = now.for_job(device, memory_bytes)
    if not able:
        return _nobody(now.fleet, device, memory_bytes)
    free = sum(slot.occupant is None for slot in able)
    if ahead < free:
        return "a worker is free and takes it in a moment"
    soon = sum(_stops(slot) for slot in able)
    if ahead < free + soon:
        return "a running job is being stopped, which makes room for it"
    if free:
        return _line(ahead)
    who = "the only worker is busy" if len(able) == 1 else f"all {len(able)} workers are busy"
    return f"{who}; {_line(ahead)}"


def rivals(fleet: Fleet, device: str) -> list[str]:
    """The values of ``device`` for which some worker takes jobs that also takes jobs for `device`."""
    found = {device}
    for member in fleet.members:
        devices: set[str] = {offer.device for offer in fleet.offers(member) if offer.above < offer.upto}
        if device in devices:
            found |= devices
    return sorted(found)


def gibibytes(count: int) -> str:
    """Bytes as people read them."""
    return f"{count / 2**30:.3g} GiB"


def _stops(slot: Slot) -> bool:
    return slot.occupant is not None and slot.occupant.stopping


def _line(ahead: int) -> str:
    if ahead == 0:
        return "it is the next"
    if ahead == 1:
        return "1 job is ahead"
    return f"more than {COUNTED} jobs are ahead" if ahead > COUNTED else f"{ahead} jobs are ahead"


def _nobody(fleet: Fleet, device: str, memory_bytes: int) -> str:
    if not fleet.members:
        return "no worker is online"
    if device == "cuda" and fleet.largest("cuda") < 0:
        return "no worker is online that offers a GPU"
    largest = max(fleet.largest("cuda"), -1 if device == "cuda" else fleet.largest("cpu"))
    kind = "GPU worker" if device == "cuda" else "worker"
    return (
        f"it needs about {gibibytes(memory_bytes)} of memory, "
        f"and the largest {kind} online has {gibibytes(largest)}"
    )


def _line_up(session: ReadSession, devices: Sequence[str]) -> dict[str, int]:
    """Job id → how many come before it, for the head of the queue."""
    ids = repository.head_of_queue(session, devices, COUNTED + 1)
    return {job_id: ahead for ahead, job_id in enumerate(ids)}
