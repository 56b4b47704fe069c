"""Workers."""

from fastapi import APIRouter

from api.auth import AUTH_PROBLEMS, Reader
from api.context import Ctx
from api.parameters import Cursor, PageLimit
from api.problem_types import problems
from control.db import read
from control.paging import decode_cursor, encode_cursor
from control.scheduling import roster
from control.schemas import Page
from control.workers.schemas import WorkerOut

router = APIRouter(prefix="/v1/workers", tags=["workers"])


@router.get(
    "",
    operation_id="listWorkers",
    responses=problems(*AUTH_PROBLEMS, "validation_failed", "invalid_cursor"),
)
def list_workers(
    caller: Reader, context: Ctx, limit: PageLimit = 50, cursor: Cursor = None
) -> Page[WorkerOut]:
    """The workers, their devices and the jobs that they run; newest first, with those that stopped within a day."""
    before = decode_cursor(cursor) if cursor else None
    with read(context.engine) as session:
        found = roster.list_workers(session, limit=limit + 1, before=before, project_id=caller.project_id)
    rows = found[:limit]
    more = len(found) > limit
    return Page[WorkerOut](data=rows, has_more=more, next=encode_cursor(rows[-1].id) if more else None)
