"""The state of the whole service, for operators."""

from fastapi import APIRouter

from api.auth import AUTH_PROBLEMS, Admin
from api.context import Context, Ctx
from api.problem_types import problems
from api.version import version
from control.db import read
from control.errors import SeedbedError
from control.projects import service as projects
from control.system import service
from control.system.schemas import QueueOut, StorageOut, SystemOut, WorkersOut

router = APIRouter(prefix="/v1/system", tags=["health"])


@router.get("", operation_id="getSystem", responses=problems(*AUTH_PROBLEMS))
def get_system(caller: Admin, context: Ctx) -> SystemOut:
    """Queue, workers, leader, lag and storage: over all projects for an admin of the project `default`, whose keys
    belong to those who run the service; of its own project for any other admin."""
    with read(context.engine) as session:
        everywhere = projects.is_operators(session, caller.project_id)
        of = None if everywhere else caller.project_id
        load, health = service.load(session, of), service.health(session, of)
    return SystemOut(
        version=version(),
        scope="service" if everywhere else "project",
        queue=QueueOut(
            queued=load.jobs.get("queued", 0),
            running=load.jobs.get("running", 0),
            paused=load.jobs.get("paused", 0),
            oldest_wait_seconds=load.oldest_wait_seconds,
        ),
        workers=WorkersOut(online=load.workers_online, busy=load.workers_busy),
        leader=health.leader,
        metrics_lag_seconds=health.metrics_lag_seconds,
        database_bytes=health.database_bytes,
        storage=_storage(context, tell_room=everywhere),
        stream_listeners=context.hub.listeners if everywhere else None,
    )


def _storage(context: Context, *, tell_room: bool) -> StorageOut:
    try:
        context.storage.check()
        return StorageOut(state="ok", free_bytes=context.storage.free_bytes() if tell_room else None)
    except SeedbedError as error:
        return StorageOut(state=error.code, free_bytes=None)
