"""Who a key or a session stands for, remembered for a moment, so that a busy client costs no query a request."""

import time
from collections.abc import Callable

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from control.db import ReadSession, read, write
from control.keys import service
from control.keys.secrets import SessionToken, digest
from control.keys.service import Identity

FRESH_SECONDS = 3.0
"""A key revoked through another process is refused at most so much later; through this one, at once."""
_MOST = 4096


class Keyring:
    """Identities by what proves them. Used from the event loop alone."""

    def __init__(self, engine: Engine, secret: str) -> None:
        self._engine = engine
        self._secret = secret
        self._known: dict[bytes | str, tuple[float, Identity]] = {}

    async def by_key(self, key: str) -> Identity:
        """
        Raises:
            Unauthorized: ``key_unknown``, ``key_revoked``.
        """
        key_digest = digest(key, self._secret)
        return await self._identify(
            key_digest, lambda session: service.identify_by_digest(session, key_digest)
        )

    async def by_session(self, token: SessionToken) -> Identity:
        """
        Raises:
            Unauthorized: ``key_unknown``, ``key_revoked``.
        """
        return await self._identify(
            token.key_id, lambda session: service.identify_by_id(session, token.key_id)
        )

    def forget(self) -> None:
        """Ask the database anew: a key was revoked."""
        self._known = {}

    async def _identify(self, proof: bytes | str, ask: Callable[[ReadSession], Identity]) -> Identity:
        now = time.monotonic()
        since, identity = self._known.get(proof, (0.0, None))
        if identity is None or now - since > FRESH_SECONDS:
            known = self._known
            identity = await run_in_threadpool(self._ask, ask)
            if len(known) >= _MOST:
                known.clear()
            # Into the dictionary of when it was asked: what was asked before a revocation is not kept after it.
            known[proof] = (now, identity)
        return identity

    def _ask(self, ask: Callable[[ReadSession], Identity]) -> Identity:
        with read(self._engine) as session:
            identity = ask(session)
        if identity.stale:
            with write(self._engine) as session:
                service.touch(session, identity.key_id)
        return identity
