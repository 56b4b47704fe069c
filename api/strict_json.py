"""JSON as the RFC has it: no NaN, no lone surrogates, no NUL, not too deep and not too long."""

import json
import re
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

LARGEST = 1 << 20
"""Bytes of a JSON body; a spec has a few hundred."""

_UNSTORABLE_ESCAPE = re.compile(rb"\\u(0000|[dD][89a-fA-F])")


class StrictJsonRequest(Request):
    """A request whose body is read with a limit and parsed strictly."""

    async def body(self) -> bytes:
        """
        Raises:
            HTTPException: 413. FastAPI lets no other error out of here as it is.
        """
        if not hasattr(self, "_body"):
            size, chunks = 0, []
            async for chunk in self.stream():
                size += len(chunk)
                if size > LARGEST:
                    raise HTTPException(413, f"A JSON body may have {LARGEST:,} bytes here.")
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    async def json(self) -> Any:
        """
        Raises:
            json.JSONDecodeError: saying what is wrong with it.
        """
        return parse(await self.body())


class StrictJsonRoute(APIRoute):
    """A route that reads its body through `StrictJsonRequest`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            return await handle(StrictJsonRequest(request.scope, request.receive))

        return strict


def parse(body: bytes) -> Any:
    """
    Raises:
        json.JSONDecodeError: the body is not JSON, or holds what could not be stored.
    """
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_refuse)
        if _UNSTORABLE_ESCAPE.search(body):
            _check_text(document)
    except json.JSONDecodeError:
        raise
    except UnicodeDecodeError as error:
        raise json.JSONDecodeError("it is not UTF-8", "", error.start) from None
    except RecursionError:
        raise json.JSONDecodeError("it is nested too deeply", "", 0) from None
    except ValueError as error:  # NaN, or an integer of thousands of digits
        raise json.JSONDecodeError(str(error), "", 0) from None
    return document


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON value; numbers are finite")


def _check_text(value: Any) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a string holds the character U+0000, which cannot be stored")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("a string holds half of a surrogate pair")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)
