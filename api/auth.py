"""Who asks, and whether they may: an API key, or the dashboard's session cookie that stands for one."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from api.context import context_of
from control.errors import Forbidden, Unauthorized
from control.keys.schemas import Scope
from control.keys.secrets import SessionToken
from control.keys.service import Identity

COOKIE = "seedbed_session"
CSRF_HEADER = "X-Seedbed-Csrf"
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}

_bearer = HTTPBearer(
    scheme_name="ApiKey",
    bearerFormat="sb_…",
    description="An API key, from `seedbed-server key create`.",
    auto_error=False,
)
_cookie = APIKeyCookie(
    name=COOKIE,
    scheme_name="Session",
    description=f"The dashboard's session, from `POST /v1/session`. Requests that change something also carry `{CSRF_HEADER}: 1`.",
    auto_error=False,
)


class Caller:
    """An identity, with what else the request's proof said."""

    def __init__(self, identity: Identity, session_expires_at: datetime | None = None) -> None:
        self.key_id = identity.key_id
        self.project_id = identity.project_id
        self.scopes = identity.scopes
        self.session_expires_at = session_expires_at


async def identify(request: Request) -> Caller:
    """
    Raises:
        Unauthorized: ``key_missing``, ``key_unknown``, ``key_revoked``, ``session_expired``.
        Forbidden: ``csrf_missing``.
    """
    context = context_of(request)
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthorized("key_missing", "The header must read `Authorization: Bearer sb_…`.")
        caller = Caller(await context.keyring.by_key(key.strip()))
    elif cookie := request.cookies.get(COOKIE):
        token = SessionToken.verify(cookie, context.settings.secret.get_secret_value())
        if token is None:
            raise Unauthorized("session_expired", "The session is over. Sign in again with an API key.")
        if request.method not in _SAFE_METHODS and request.headers.get(CSRF_HEADER) != "1":
            raise Forbidden(
                "csrf_missing",
                f"A request that changes something and relies on the session cookie must carry `{CSRF_HEADER}: 1`.",
            )
        expires_at = datetime.fromtimestamp(token.expires_at, UTC)
        caller = Caller(await context.keyring.by_session(token), expires_at)
    else:
        raise Unauthorized(
            "key_missing",
            "This needs an API key: send `Authorization: Bearer sb_…`. `seedbed-server key create` makes one.",
        )
    request.scope["state"]["key_id"] = caller.key_id
    request.scope["state"]["caller"] = caller
    return caller


class Requires:
    """A dependency: the caller, if the key has the scope."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    async def __call__(
        self,
        request: Request,
        _bearer: Annotated[object, Depends(_bearer)],
        _cookie: Annotated[object, Depends(_cookie)],
    ) -> Caller:
        """
        Raises:
            Unauthorized, Forbidden: as `authorize` does.
        """
        return await self.authorize(request)

    async def authorize(self, request: Request) -> Caller:
        """Who asks, found out once a request.

        Raises:
            Unauthorized: as `identify` does; Forbidden: ``scope_missing``.
        """
        known = request.scope["state"].get("caller")
        caller = known if isinstance(known, Caller) else await identify(request)
        if self.scope not in caller.scopes:
            raise Forbidden(
                "scope_missing",
                f"This needs a key with the scope {self.scope!r}; this one has {', '.join(sorted(caller.scopes))}.",
            )
        return caller


Reader = Annotated[Caller, Depends(Requires("read"))]
Writer = Annotated[Caller, Depends(Requires("write"))]
Admin = Annotated[Caller, Depends(Requires("admin"))]

AUTH_PROBLEMS = (
    "key_missing",
    "key_unknown",
    "key_revoked",
    "session_expired",
    "scope_missing",
    "csrf_missing",
)
