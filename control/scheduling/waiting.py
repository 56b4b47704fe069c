"""Why a queued job does not run yet: computed when it is read, so it is never out of date."""

from collections.abc import Mapping, Sequence
from typing import Any

from control.db import ReadSession
from control.lifecycle.models import Job
from control.scheduling import repository
from control.scheduling.schemas import WaitingCode, WaitingReason
from control.scheduling.slots import Slot, Slots, slots
from control.workers.fleet import Fleet

COUNTED = 100
"""Most jobs ahead that are counted."""


def waiting_reasons(session: ReadSession, jobs: Sequence[Job]) -> dict[str, WaitingReason]:
    """Job id → why it waits, for those of `jobs` that are queued."""
    queued = [job for job in jobs if job.state == "queued"]
    if not queued:
        return {}
    now = slots(session)
    reasons = {}
    for device in {job.device for job in queued}:
        line = _jobs_ahead(session, competing_devices(now.fleet, device))
        for job in queued:
            if job.device == device:
                ahead = line.get(job.id, COUNTED + 1)
                reasons[job.id] = reason(now, device, job.memory_bytes, ahead)
    return reasons


def reason(now: Slots, device: str, memory_bytes: int, ahead: int) -> WaitingReason:
    """
    Args:
        ahead: Jobs that come before it, counted up to ``COUNTED`` + 1.
    """
    able = now.for_job(device, memory_bytes)
    if not able:
        return _no_worker(now.fleet, device, memory_bytes)
    free = sum(slot.running is None for slot in able)
    if ahead < free:
        return _reason("worker_free")
    soon = sum(_stops(slot) for slot in able)
    if ahead < free + soon:
        return _reason("slot_freed_soon")
    line = {"ahead": min(ahead, COUNTED), "more": ahead > COUNTED}
    if free:
        return _reason("jobs_ahead", line)
    return _reason("workers_busy", {"workers": len(able), **line})


def competing_devices(fleet: Fleet, device: str) -> list[str]:
    """The values of ``device`` whose jobs compete with jobs for `device` for some worker."""
    found = {device}
    for member in fleet.members:
        devices: set[str] = {offer.device for offer in fleet.offers(member) if offer.above < offer.upto}
        if device in devices:
            found |= devices
    return sorted(found)


def gibibytes(count: int) -> str:
    """Bytes in GiB, as text."""
    return f"{count / 2**30:.3g} GiB"


def _stops(slot: Slot) -> bool:
    return slot.running is not None and slot.running.stopping


def sentence(code: WaitingCode, params: Mapping[str, Any]) -> str:  # noqa: PLR0911 - one for each code
    """The message of a reason. No other function makes one."""
    match code:
        case "no_worker_online":
            return "no worker is online"
        case "no_gpu_worker_online":
            return "no worker is online that offers a GPU"
        case "exceeds_workers_memory" | "exceeds_gpu_workers_memory":
            kind = "worker" if code == "exceeds_workers_memory" else "GPU worker"
            return (
                f"it needs about {gibibytes(params['needed_bytes'])} of memory, "
                f"and the largest {kind} online has {gibibytes(params['largest_bytes'])}"
            )
        case "worker_free":
            return "a worker is free and takes it in a moment"
        case "slot_freed_soon":
            return "a running job is being stopped, which makes room for it"
        case "jobs_ahead":
            return _line(params)
        case "workers_busy":
            number = params["workers"]
            who = "the only worker is busy" if number == 1 else f"all {number} workers are busy"
            return f"{who}; {_line(params)}"


def _line(params: Mapping[str, Any]) -> str:
    ahead = params["ahead"]
    if params["more"]:
        return f"more than {ahead} jobs are ahead"
    if ahead == 0:
        return "it is the next"
    return "1 job is ahead" if ahead == 1 else f"{ahead} jobs are ahead"


def _reason(code: WaitingCode, params: Mapping[str, Any] | None = None) -> WaitingReason:
    found = dict(params or {})
    return WaitingReason(code=code, params=found, message=sentence(code, found))


def _no_worker(fleet: Fleet, device: str, memory_bytes: int) -> WaitingReason:
    if not fleet.members:
        return _reason("no_worker_online")
    if device == "cuda" and fleet.largest("cuda") < 0:
        return _reason("no_gpu_worker_online")
    largest = max(fleet.largest("cuda"), -1 if device == "cuda" else fleet.largest("cpu"))
    sizes = {"needed_bytes": memory_bytes, "largest_bytes": largest}
    return _reason("exceeds_gpu_workers_memory" if device == "cuda" else "exceeds_workers_memory", sizes)


def _jobs_ahead(session: ReadSession, devices: Sequence[str]) -> dict[str, int]:
    """Job id → number of jobs before it, for the head of the queue."""
    ids = repository.head_of_queue(session, devices, COUNTED + 1)
    return {job_id: ahead for ahead, job_id in enumerate(ids)}
