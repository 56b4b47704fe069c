"""The ``Idempotency-Key`` header: a repeated POST that creates something gets the stored first answer."""

import hashlib
import json
from collections.abc import Callable
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from control.db import WriteSession
from control.idempotency.service import IdempotentRequest

REPLAYED_HEADER = "Idempotency-Replayed"
REPEAT_PROBLEMS = ("invalid_idempotency_key", "idempotency_mismatch", "idempotency_in_flight")


class Repeatable:
    """A POST that may carry an ``Idempotency-Key``."""

    def __init__(self, once: IdempotentRequest | None) -> None:
        self._once = once

    def answer(
        self, session: WriteSession, project_id: str, act: Callable[[], BaseModel], *, status: int = 201
    ) -> Response:
        """Call ``act`` and answer with what it creates; for a key that was used before, the stored answer.

        Raises:
            Conflict: ``idempotency_in_flight``; Invalid: ``idempotency_mismatch``.
        """
        if self._once is None:
            return _json(act().model_dump_json(), status)
        answer = self._once.answer(session, project_id, status, lambda: act().model_dump(mode="json"))
        response = _json(json.dumps(answer.body, separators=(",", ":"), ensure_ascii=False), answer.status)
        if answer.replayed:
            response.headers[REPLAYED_HEADER] = "true"
        return response


def _json(text: str, status: int) -> Response:
    return Response(text, status, media_type="application/json")


async def _repeatable(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            description="Makes a repetition safe: the same key, query and body get the first answer again, for two days.",
            json_schema_extra={"minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        ),
    ] = None,
) -> Repeatable:
    if idempotency_key is None:
        return Repeatable(None)
    body = await request.body()
    query = f"?{request.url.query}" if request.url.query else ""
    return Repeatable(
        IdempotentRequest(
            key=idempotency_key,
            request=f"{request.method} {request.url.path}{query}",
            body_sha256=hashlib.sha256(body).hexdigest(),
        )
    )


Repeat = Annotated[Repeatable, Depends(_repeatable)]
