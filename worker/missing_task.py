"""A job whose task this worker's machine does not have."""

from control.jobs.service import Claim, Failed
from core.spec.stored import is_known, why_missing
from core.spec.tasks import task_faults


def missing_task(claim: Claim, worker: str) -> Failed | None:
    """The job's failure if its task is not installed on this machine; None if it is.

    Args:
        worker: Name of the worker, ``hostname:pid``.
    """
    if is_known(claim.spec):
        return None
    kind = claim.spec["task"]["kind"]
    broken = any(fault.kind == kind for fault in task_faults())
    return Failed(
        "task_unavailable",
        f"The worker {worker} cannot run the task {kind!r}. {why_missing(kind)}",
        (
            "Install a version of the package that works"
            if broken
            else f"Install the package that brings it (GET /v1/tasks/{kind} names it)"
        )
        + f" on the machine of {worker.partition(':')[0]}, in the environment that its worker runs in, and wherever else workers "
        "run; restart the workers, then retry the job.",
        details={"case": "worker", "task": kind, "worker": worker, "installed": broken},
    )
