"""Checks of a spec before a short job on it is created."""

from control.db import ReadSession
from control.errors import Conflict
from control.jobs.admission import Admission, examine
from control.jobs.submission import refuse
from control.workers.fleet import fleet
from core.spec.job import JobSpec


def admit(session: ReadSession, project_id: str, spec: JobSpec) -> Admission:
    """The requirements of a spec that could be submitted and that a worker which is online could run.

    Raises:
        SeedbedError: whatever `control.jobs.submission.submit` refuses.
        Conflict: ``no_worker_online``: nobody could try it now.
    """
    admission = examine(session, project_id, spec)
    refuse(admission.errors)
    if not fleet(session).able(spec.resources.device, admission.estimate.memory_bytes):
        device = spec.resources.device
        raise Conflict(
            "no_worker_online",
            f"No worker{'' if device == 'auto' else f' with {device}'} is online that could try this job. Start one "
            "(`seedbed-server worker`), then ask again.",
            param="resources.device",
            params={"case": "short_job", "device": device},
        )
    return admission
