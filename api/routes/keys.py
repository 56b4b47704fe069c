"""API keys."""

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, Admin
from api.context import Context, Ctx
from api.pages import page
from api.parameters import Cursor, KeyId, PageLimit
from api.problem_types import problems
from api.strict_json import SmallJsonRoute
from control.db import read, write
from control.keys import service
from control.keys.presenters import key_out
from control.keys.schemas import KeyCreated, KeyIn, KeyOut
from control.schemas import Page

router = APIRouter(prefix="/v1/keys", tags=["keys"], route_class=SmallJsonRoute)


@router.post(
    "",
    operation_id="createKey",
    status_code=201,
    responses=problems(
        *AUTH_PROBLEMS, "invalid_json", "body_too_large", "body_too_slow", "validation_failed"
    ),
)
def create_key(body: KeyIn, caller: Admin, context: Ctx) -> KeyCreated:
    """Create a key. Only this answer contains its secret, which is not stored; so there is no `Idempotency-Key` here."""
    with write(context.engine) as session:
        key, secret = service.create(
            session,
            caller.project_id,
            body.name,
            body.scopes,
            secret=context.settings.secret.get_secret_value(),
        )
        return KeyCreated(**key_out(key).model_dump(), secret=secret)


@router.get(
    "",
    operation_id="listKeys",
    responses=problems(*AUTH_PROBLEMS, "validation_failed", "invalid_cursor"),
)
def list_keys(caller: Admin, context: Ctx, limit: PageLimit = 50, cursor: Cursor = None) -> Page[KeyOut]:
    """The project's keys, newest first, revoked ones included."""
    with read(context.engine) as session:
        found = service.list_keys(session, caller.project_id, limit=limit, cursor=cursor)
        return page([key_out(key) for key in found.rows], found)


@router.delete(
    "/{key}",
    operation_id="revokeKey",
    status_code=204,
    responses=problems(*AUTH_PROBLEMS, "key_not_found"),
)
async def revoke_key(key: KeyId, caller: Admin, context: Ctx) -> None:
    """Revoke a key for good; its sessions end too."""
    await run_in_threadpool(_revoke, context, caller.project_id, key)
    context.identity_cache.forget()


def _revoke(context: Context, project_id: str, key_id: str) -> None:
    with write(context.engine) as session:
        service.revoke(session, project_id, key_id)
