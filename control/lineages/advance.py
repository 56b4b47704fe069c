"""The leader's part of planned lineages: each further stage is submitted once the one before it has succeeded."""

import logging

from control.db import WriteSession
from control.errors import SeedbedError
from control.lineages import repository
from control.lineages.submission import submit_next

log = logging.getLogger(__name__)


def advance(session: WriteSession, lineage_id: str) -> str | None:
    """Submit the next stage of a lineage, if it can be submitted now; returns its job.

    The lineage's row is locked, and the stage is marked in the transaction that creates the job, under the condition that it was not
    submitted before. So a leader that is killed leaves either both or nothing, and two leaders submit a stage once. What
    refuses the job is kept in ``failure``, and the lineage waits for a person.
    """
    lineage = repository.lock_due(session, lineage_id)
    if lineage is None:
        return None
    stages = repository.stages(session, [lineage_id])[lineage_id]
    stage = next((one for one in stages if one.submitted_at is None), None)
    if stage is None:
        return None
    before = repository.job_of(session, stages[stage.position - 1])
    if before is None or before.state != "succeeded":
        return None
    try:
        with session.begin_nested():
            return submit_next(session, lineage, stage, before, len(stages)).id
    except SeedbedError as error:
        log.warning("stage %d of %s was refused: %s", stage.position + 1, lineage_id, error.detail)
        lineage.failure = {
            "code": error.code,
            "message": error.detail,
            "params": error.params,
            "position": stage.position + 1,
        }
        session.flush()
        return None
