"""Sign-in and sign-out of the dashboard."""

import secrets
import time
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from starlette.concurrency import run_in_threadpool

from api.auth import AUTH_PROBLEMS, COOKIE, Reader, session_of
from api.context import Context, Ctx
from api.problem_types import problems
from api.strict_json import SmallJsonRoute
from api.throttle import sign_in_names
from control.db import read, write
from control.keys import service
from control.keys.presenters import key_out
from control.keys.schemas import SessionIn, SessionOut
from control.keys.secrets import SessionToken
from control.projects import service as projects
from control.projects.schemas import ProjectOut
from control.settings import Settings

router = APIRouter(prefix="/v1/session", tags=["session"], route_class=SmallJsonRoute)


@router.post(
    "",
    operation_id="signIn",
    responses=problems(
        "invalid_json",
        "key_unknown",
        "key_revoked",
        "body_too_large",
        "body_too_slow",
        "sign_in_throttled",
        "validation_failed",
    ),
)
async def sign_in(body: SessionIn, request: Request, context: Ctx, response: Response) -> SessionOut:
    """Exchange an API key for a session cookie that scripts cannot read and other sites cannot use."""
    settings = context.settings
    key = body.key.get_secret_value()
    names = sign_in_names(request.client.host if request.client else None, key)
    await run_in_threadpool(context.throttle.attempt, names)
    identity = await context.identity_cache.by_key(key)
    await run_in_threadpool(context.throttle.forgive, names)
    token = SessionToken(
        identity.key_id, int(time.time()) + settings.session_seconds, secrets.token_urlsafe(9)
    )
    response.set_cookie(
        COOKIE,
        token.sign(settings.secret.get_secret_value()),
        max_age=settings.session_seconds,
        httponly=True,
        samesite="strict",
        secure=_secure(request, settings),
    )
    expires_at = datetime.fromtimestamp(token.expires_at, UTC)
    return await run_in_threadpool(_session_out, context, identity.project_id, identity.key_id, expires_at)


@router.get("", operation_id="getSession", responses=problems(*AUTH_PROBLEMS))
def get_session(caller: Reader, context: Ctx) -> SessionOut:
    """The caller's key, its scopes and its project."""
    return _session_out(context, caller.project_id, caller.key_id, caller.session_expires_at)


@router.delete("", operation_id="signOut", status_code=204)
async def sign_out(request: Request, context: Ctx, response: Response) -> None:
    """End the session: the cookie is removed, and is no longer accepted. The key itself stays valid."""
    token = session_of(request)
    if token is not None:
        await run_in_threadpool(_end, context, token)
        context.identity_cache.forget()
    response.delete_cookie(
        COOKIE, httponly=True, samesite="strict", secure=_secure(request, context.settings)
    )


def _end(context: Context, token: SessionToken) -> None:
    with write(context.engine) as session:
        service.end_session(session, token)


def _secure(request: Request, settings: Settings) -> bool:
    """Whether the cookie gets the attribute ``Secure``: always if the request came over HTTPS."""
    return settings.secure_cookies or request.url.scheme == "https"


def _session_out(context: Context, project_id: str, key_id: str, expires_at: datetime | None) -> SessionOut:
    with read(context.engine) as session:
        return SessionOut(
            key=key_out(service.get(session, project_id, key_id)),
            project=ProjectOut.model_validate(projects.get(session, project_id)),
            expires_at=expires_at,
        )
