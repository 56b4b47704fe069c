"""Authentication and authorization: by an API key, or by the dashboard's session cookie."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from api.context import context_of
from api.credential_check import CUT, CredentialCheck
from control.errors import Forbidden, Unauthorized
from control.keys.schemas import Scope
from control.keys.secrets import SessionToken
from control.keys.service import Identity, session_over

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
    """The identity of a request's sender, when the session expires, and whether the credentials are still valid."""

    def __init__(self, request: Request, identity: Identity, session_expires_at: datetime | None) -> None:
        self.key_id = identity.key_id
        self.project_id = identity.project_id
        self.scopes = identity.scopes
        self.session_expires_at = session_expires_at
        self._identity_cache = context_of(request).identity_cache
        cut = request.scope["state"].get(CUT)
        self.credential_check = CredentialCheck(
            lambda: _authenticate(request), (lambda: cut("revoked")) if cut is not None else (lambda: None)
        )

    @property
    def is_admin(self) -> bool:
        return "admin" in self.scopes

    def stay(self) -> None:
        """Check the credentials every few seconds from now on, for as long as the request lasts."""
        self._identity_cache.on_forget.add(self.credential_check.check_now)
        self.credential_check.begin()

    def leave(self) -> None:
        """End these checks: the request is answered."""
        self._identity_cache.on_forget.discard(self.credential_check.check_now)
        self.credential_check.end()


async def identify(request: Request) -> Caller:
    """The caller of a request, determined once for each request.

    Raises:
        Unauthorized: ``key_missing``, ``key_unknown``, ``key_revoked``, ``session_expired``.
        Forbidden: ``csrf_missing``.
    """
    state = request.scope["state"]
    known = state.get("caller")
    if isinstance(known, Caller):
        return known
    identity, expires_at = await _authenticate(request)
    caller = Caller(request, identity, expires_at)
    state["key_id"] = caller.key_id
    state["caller"] = caller
    caller.stay()
    return caller


def session_of(request: Request) -> SessionToken | None:
    """The session of the request's cookie, if its signature is valid and it has not expired."""
    cookie = request.cookies.get(COOKIE)
    return SessionToken.verify(cookie, *context_of(request).settings.secrets) if cookie else None


async def _authenticate(request: Request) -> tuple[Identity, datetime | None]:
    """The identity that the request's key or session belongs to, and when the session ends.

    Raises:
        Unauthorized, Forbidden: as `identify` does.
    """
    context = context_of(request)
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, key = header.partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Unauthorized(
                "key_missing", "The header must read `Authorization: Bearer sb_…`.", params={"case": "header"}
            )
        return await context.identity_cache.by_key(key.strip()), None
    if request.cookies.get(COOKIE):
        token = session_of(request)
        if token is None:
            raise session_over()
        if request.method not in _SAFE_METHODS and request.headers.get(CSRF_HEADER) != "1":
            raise Forbidden(
                "csrf_missing",
                f"A request that changes something and relies on the session cookie must carry `{CSRF_HEADER}: 1`.",
                params={"header": CSRF_HEADER},
            )
        identity = await context.identity_cache.by_session(token)
        return identity, datetime.fromtimestamp(token.expires_at, UTC)
    raise Unauthorized(
        "key_missing",
        "This needs an API key: send `Authorization: Bearer sb_…`. `seedbed-server key create` makes one.",
    )


class Requires:
    """A FastAPI dependency: the caller, if the key has the scope."""

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
        """The caller, if the key has the scope.

        Raises:
            Unauthorized: as `identify` does; Forbidden: ``scope_missing``.
        """
        caller = await identify(request)
        if self.scope not in caller.scopes:
            raise Forbidden(
                "scope_missing",
                f"This needs a key with the scope {self.scope!r}; this one has {', '.join(sorted(caller.scopes))}.",
                params={"scope": self.scope, "scopes": sorted(caller.scopes)},
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
