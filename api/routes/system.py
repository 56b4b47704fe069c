"""The service as a whole, for those who operate it."""

from fastapi import APIRouter

from api.auth import AUTH_PROBLEMS, Admin
from api.catalog import problems
from api.context import Context, Ctx
from api.version import version
from control.db import read
from control.errors import SeedbedError
from control.system import service
from control.system.schemas import QueueOut, StorageOut, SystemOut, WorkersOut

router = APIRouter(prefix="/v1/system", tags=["health"])


@router.get("", operation_id="getSystem", responses=problems(*AUTH_PROBLEMS))
def get_system(caller: Admin, context: Ctx) -> SystemOut:
    """Queue, workers, leader, lag and storage, over all projects."""
    del caller
    with read(context.engine) as session:
        load, health = service.load(session), service.health(session)
    return SystemOut(
        version=version(),
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
        storage=_storage(context),
        stream_listeners=context.hub.listeners,
    )


def _storage(context: Context) -> StorageOut:
    try:
        context.storage.check()
        return StorageOut(state="ok", free_bytes=context.storage.free_bytes())
    except SeedbedError as error:
        return StorageOut(state=error.code, free_bytes=None)
