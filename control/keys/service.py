"""The service of API keys and sessions: create, list, revoke and identify them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from control.db import ReadSession, WriteSession, now
from control.errors import NotFound, Unauthorized
from control.ids import new_id
from control.keys import repository
from control.keys.models import ApiKey
from control.keys.schemas import Scope
from control.keys.secrets import SessionToken, digest, new_key
from control.names import check_name
from control.paging import Slice, newest_first

USED_AT_PRECISION = timedelta(minutes=1)
"""Least time between two writes of ``last_used_at``, so that most requests write nothing."""

_INCLUDED: dict[str, frozenset[Scope]] = {
    "read": frozenset({"read"}),
    "write": frozenset({"read", "write"}),
    "admin": frozenset({"read", "write", "admin"}),
}


@dataclass(frozen=True)
class Identity:
    """The project, key and scopes of an authenticated request."""

    key_id: str
    project_id: str
    scopes: frozenset[Scope]
    """All scopes of the key: ``write`` includes ``read``, ``admin`` includes both."""
    last_used_at: datetime | None
    outdated: bool = False
    """Whether the key's stored digest was made with a secret that is being replaced."""

    @property
    def stale(self) -> bool:
        """Whether ``last_used_at`` should be written again."""
        return self.last_used_at is None or datetime.now(UTC) - self.last_used_at > USED_AT_PRECISION


def create(
    session: WriteSession, project_id: str, name: str, scopes: Sequence[Scope], *, secret: str
) -> tuple[ApiKey, str]:
    """A new key, and its text, which is stored nowhere.

    Raises:
        Invalid: ``validation_failed``: the name is not valid.
    """
    check_name(name)
    text = new_key()
    key = ApiKey(
        id=new_id("key"),
        project_id=project_id,
        name=name,
        hint=text[-4:],
        digest=digest(text, secret),
        scopes=sorted(set(scopes)),
    )
    session.add(key)
    session.flush()
    return key, text


def revoke(session: WriteSession, project_id: str, key_id: str) -> None:
    """Revoke a key for good. Repeating this changes nothing.

    Raises:
        NotFound: ``key_not_found``.
    """
    key = get(session, project_id, key_id)
    if key.revoked_at is None:
        key.revoked_at = now(session)


def get(session: ReadSession, project_id: str, key_id: str) -> ApiKey:
    """
    Raises:
        NotFound: ``key_not_found``.
    """
    key = repository.of_id(session, project_id, key_id)
    if key is None:
        raise NotFound("key_not_found", f"There is no key {key_id}.", params={"key": key_id})
    return key


def list_keys(session: ReadSession, project_id: str, *, limit: int, cursor: str | None) -> Slice[ApiKey]:
    """The project's keys, revoked ones included, newest first."""
    return newest_first(session, repository.of_project(project_id), ApiKey.id, limit=limit, cursor=cursor)


def identify_by_digest(session: ReadSession, *digests: bytes) -> Identity:
    """The identity of a key, by its digest under the current secret or under an earlier one.

    Raises:
        Unauthorized: ``key_unknown`` or ``key_revoked``.
    """
    key = repository.by_digest(session, digests)
    return replace(_identity(key), outdated=key is not None and key.digest != digests[0])


def renew_digest(session: WriteSession, key_id: str, key_digest: bytes) -> None:
    """Store the key's digest under the newest secret."""
    repository.replace_digest(session, key_id, key_digest)


def identify_by_session(session: ReadSession, token: SessionToken) -> Identity:
    """The identity of a session, which is that of the key with which it was opened.

    Raises:
        Unauthorized: ``key_unknown``, ``key_revoked``; ``session_expired``: it was signed out.
    """
    if repository.is_ended(session, token.digest):
        raise session_over()
    return _identity(repository.by_id(session, token.key_id))


def session_over() -> Unauthorized:
    """The error for a session that has ended."""
    return Unauthorized("session_expired", "The session is over. Sign in again with an API key.")


def end_session(session: WriteSession, token: SessionToken) -> None:
    """End the session, so that its cookie is no longer accepted."""
    repository.end_session(session, token.digest, datetime.fromtimestamp(token.expires_at, UTC))


def forget_ended_sessions(session: WriteSession) -> None:
    """Drop the records of sessions whose cookies are no longer valid anyway."""
    repository.forget_ended_sessions(session)


def _identity(key: ApiKey | None) -> Identity:
    if key is None:
        raise unknown_key()
    if key.revoked_at is not None:
        raise Unauthorized(
            "key_revoked",
            f"This API key ({key.name!r}) was revoked. Ask for a new one: seedbed-server key create.",
            params={"name": key.name},
        )
    scopes = frozenset[Scope]().union(*(_INCLUDED[scope] for scope in key.scopes))
    return Identity(key.id, key.project_id, scopes, key.last_used_at)


def unknown_key() -> Unauthorized:
    """The error for a key that does not exist."""
    return Unauthorized("key_unknown", "This API key is not known here. Check that it was copied whole.")


def touch(session: WriteSession, key_id: str) -> None:
    """Write ``last_used_at`` of the key."""
    repository.touch(session, key_id, USED_AT_PRECISION)
