"""A short-lived cache of the identity of each key and session, so that not every request needs a database query."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy import Engine
from starlette.concurrency import run_in_threadpool

from control.db import ReadSession, read, write
from control.keys import service
from control.keys.secrets import SessionToken, digest, is_key
from control.keys.service import Identity

FRESH_SECONDS = 3.0
"""Seconds for which an identity is cached. A key revoked through another process is refused at most this much later; one
revoked through this process, at once."""
_MOST = 4096


class IdentityCache:
    """Identities by a hash of their credentials. Used from the event loop only."""

    def __init__(self, engine: Engine, *secrets: str) -> None:
        self._engine = engine
        self._secrets = secrets
        self._known: dict[bytes, tuple[float, Identity]] = {}
        self._queries: dict[bytes, asyncio.Task[Identity]] = {}
        """Queries under way; concurrent requests with the same credentials share one query."""
        self.on_forget: set[Callable[[], object]] = set()
        """Called when a key or a session was revoked."""

    async def by_key(self, key: str) -> Identity:
        """
        Raises:
            Unauthorized: ``key_unknown``, ``key_revoked``.
        """
        if not is_key(key):
            raise service.unknown_key()
        digests = [digest(key, secret) for secret in self._secrets]
        return await self._identify(digests[0], lambda session: service.identify_by_digest(session, *digests))

    async def by_session(self, token: SessionToken) -> Identity:
        """
        Raises:
            Unauthorized: ``key_unknown``, ``key_revoked``, ``session_expired``.
        """
        return await self._identify(token.digest, lambda session: service.identify_by_session(session, token))

    def forget(self) -> None:
        """Clear the cache: a key was revoked, or a session ended."""
        self._known = {}
        self._queries = {}
        for tell in list(self.on_forget):
            tell()

    async def _identify(self, proof: bytes, find: Callable[[ReadSession], Identity]) -> Identity:
        now = time.monotonic()
        since, identity = self._known.get(proof, (0.0, None))
        if identity is None or now - since > FRESH_SECONDS:
            known = self._known
            query = self._queries.get(proof)
            if query is None:
                query = self._queries[proof] = asyncio.create_task(
                    run_in_threadpool(self._query, find, proof)
                )
                query.add_done_callback(partial(self._query_done, proof))
            identity = await asyncio.shield(query)
            if len(known) >= _MOST:
                known.clear()
            # Into the dictionary from before the query: an answer from before a revocation is not kept after it.
            known[proof] = (now, identity)
        return identity

    def _query_done(self, proof: bytes, query: "asyncio.Task[Identity]") -> None:
        if self._queries.get(proof) is query:
            del self._queries[proof]
        if not query.cancelled():
            query.exception()  # the requests that wait for it get the exception too

    def _query(self, find: Callable[[ReadSession], Identity], proof: bytes) -> Identity:
        with read(self._engine) as session:
            identity = find(session)
        if identity.outdated:
            with write(self._engine) as session:
                service.renew_digest(session, identity.key_id, proof)
        if identity.stale:
            with write(self._engine) as session:
                service.touch(session, identity.key_id)
        return identity
