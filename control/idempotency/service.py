"""Idempotent POST requests: the first answer is stored, and sent again for a repeated request."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from control.db import WriteSession
from control.errors import Conflict, Invalid
from control.idempotency import repository
from control.idempotency.models import IdempotentAnswer

KEPT = timedelta(days=2)
"""Time for which answers are stored."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]
    replayed: bool


@dataclass(frozen=True)
class IdempotentRequest:
    """A request that carries an ``Idempotency-Key``."""

    key: str
    request: str
    """Method, path and query."""
    body_sha256: str

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise Invalid(
                "invalid_idempotency_key",
                "An Idempotency-Key is 1 to 255 printable ASCII characters without spaces; a UUID serves well.",
                param="Idempotency-Key",
            )

    def answer(
        self, session: WriteSession, project_id: str, status: int, act: Callable[[], dict[str, Any]]
    ) -> Answer:
        """Return the answer of ``act``, or the stored answer of the first time.

        The answer is written in the session's transaction: it is kept if, and only if, what ``act`` created is.
        If ``act`` raises, nothing is stored, so that a failed request can be corrected and sent again.

        Raises:
            Conflict: ``idempotency_in_flight``: the first request is being answered just now.
            Invalid: ``idempotency_mismatch``: the key came before with another request.
        """
        if not repository.try_lock(session, project_id, self.key):
            raise Conflict(
                "idempotency_in_flight",
                "A request with this Idempotency-Key is being answered at this moment. Repeat it shortly.",
                param="Idempotency-Key",
            )
        kept = repository.kept(session, project_id, self.key)
        if kept is not None:
            if (kept.request, kept.body_sha256) != (self.request, self.body_sha256):
                raise Invalid(
                    "idempotency_mismatch",
                    f"This Idempotency-Key was used before with another request ({kept.request}). Use a new key for a new "
                    "request, or send exactly the same body.",
                    param="Idempotency-Key",
                    params={"request": kept.request},
                )
            return Answer(kept.status, kept.answer, replayed=True)
        body = act()
        session.add(
            IdempotentAnswer(
                project_id=project_id,
                key=self.key,
                request=self.request,
                body_sha256=self.body_sha256,
                status=status,
                answer=body,
            )
        )
        session.flush()
        return Answer(status, body, replayed=False)


def forget_old(session: WriteSession) -> int:
    """Drop answers older than `KEPT`; returns how many."""
    return repository.delete_older(session, KEPT)
