"""What an attempt measured of the stages of its job."""

from collections.abc import Mapping

from control.db import WriteSession
from control.lifecycle.leases import held
from control.lifecycle.live_events import announce
from control.lineages import repository
from control.metrics.repository import name_ids

OWN = "self"
"""In an engine's event, in place of a job's id: the stage that is learned now."""


def record_measures(
    session: WriteSession,
    job_id: str,
    attempt: int,
    *,
    of: str,
    when: str,
    values: Mapping[str, float | str],
) -> None:
    """Store an engine's ``stage_measured`` event. The same event again, of this or a later attempt, replaces the values.

    Args:
        of: The job of the stage, or `OWN`.
        when: ``fresh``, ``start`` or ``end``.
        values: By measure; a value that is not finite is a string such as ``"nan"``.

    Raises:
        LeaseLost: the attempt does not hold the job any more.
    """
    held(session, job_id, attempt)
    numbers = {name: float(value) for name, value in values.items()}
    ids = name_ids(session, set(numbers))
    stage = job_id if of == OWN else of
    repository.keep_measures(
        session,
        job_id,
        attempt,
        stage=stage,
        moment=when,
        values={ids[name]: one for name, one in numbers.items()},
    )
    announce(session, job_id)
