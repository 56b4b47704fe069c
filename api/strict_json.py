"""JSON as the RFC has it: no NaN, no lone surrogates, no NUL, no name twice, not too deep and not too long."""

import asyncio
import json
import math
import re
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

from api.auth import Requires
from api.body_errors import UnreadableBody
from api.context import context_of
from core.spec.problems import shorten

SPEC_BYTES = 128 << 10
"""Most values of a body that describes something; a spec has a few hundred, with every default written out some thousand."""
SMALL_BYTES = 8 << 10
"""Of a body that holds a name, a key or a choice. The longest name, every character escaped, has 2,400."""
MOST_VALUES = 2000
"""Of a body, on all levels; a spec has about a hundred. Each unknown one costs an explanation."""
_AT_ONCE = 4 << 10
"""Bytes that are parsed without leaving the event loop."""
_parser = ThreadPoolExecutor(1, "parse")
"""Lock for all larger bodies: they are parsed one at a time, so that other requests are answered between them."""
DEEPEST = 32
"""Most levels of nesting of a body; a spec has five."""
BODY_SECONDS = 20.0
"""Seconds from a request's head within which its JSON body must arrive."""

_UNSTORABLE_ESCAPE = re.compile(rb"\\u(0000|[dD][89a-fA-F])")


class StrictJsonRequest(Request):
    """A request whose body is read with a limit and parsed strictly.

    Validating a body and explaining its errors blocks the event loop, for a time that the size limit bounds.
    """

    at_most = SPEC_BYTES

    @property
    def size(self) -> int:
        """The size of the body that its head tells, bytes; else the largest that is read. A number of more digits than any
        file system has bytes counts as 10^18."""
        declared = self.headers.get("content-length", "")
        if not declared.isdecimal() or "transfer-encoding" in self.headers:
            return self.at_most
        return int(declared) if len(declared) <= 18 else 10**18

    async def body(self) -> bytes:
        """
        Raises:
            UnreadableBody: 413, 408. FastAPI lets no other error out of here as it is.
        """
        if not hasattr(self, "_body"):
            if self.size > self.at_most:
                raise self._too_large()
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    self._body = await self._read()
            except TimeoutError:
                raise UnreadableBody(
                    408,
                    "body_too_slow",
                    f"The body did not arrive within {BODY_SECONDS:.0f} s; send it again.",
                    params={"case": "json", "seconds": BODY_SECONDS},
                ) from None
        return self._body

    async def json(self) -> Any:
        """
        Raises:
            json.JSONDecodeError: saying what is wrong with it.
            UnreadableBody: 413, 408.
        """
        body = await self.body()
        try:
            if len(body) <= _AT_ONCE:
                return parse(body)
            return await asyncio.get_running_loop().run_in_executor(_parser, parse, body)
        except TooManyValuesError:
            raise UnreadableBody(
                413,
                "body_too_large",
                f"A JSON body may hold {MOST_VALUES:,} values.",
                params={"case": "values", "most_values": MOST_VALUES},
            ) from None

    async def _read(self) -> bytes:
        body = bytearray()
        async for chunk in self.stream():
            body += chunk
            if len(body) > self.at_most:
                raise self._too_large()
        return bytes(body)

    def _too_large(self) -> UnreadableBody:
        return UnreadableBody(
            413,
            "body_too_large",
            f"A JSON body may have {self.at_most:,} bytes here.",
            params={"case": "bytes", "most_bytes": self.at_most},
        )


class StrictJsonRoute(APIRoute):
    """A route that reads its body through `StrictJsonRequest`, after the caller is authorized."""

    at_most: ClassVar[int] = SPEC_BYTES

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        guards = [part.call for part in self.dependant.dependencies if isinstance(part.call, Requires)]

        async def strict(request: Request) -> Response:
            bounded = StrictJsonRequest(request.scope, request.receive)
            bounded.at_most = self.at_most
            # FastAPI by itself reads and parses the body before it authorizes the caller.
            for guard in guards:
                caller = await guard.authorize(request)
                if SPEC_BYTES < bounded.size <= self.at_most:
                    await context_of(request).body_room.hold(request, caller.project_id, bounded.size)
            return await handle(bounded)

        return strict


class SmallJsonRoute(StrictJsonRoute):
    """A route whose body holds a name, a key or a choice."""

    at_most = SMALL_BYTES


class TooManyValuesError(Exception):
    """The body holds more than `MOST_VALUES`."""


def parse(body: bytes) -> Any:
    """
    Raises:
        json.JSONDecodeError: the body is not JSON, or holds what could not be stored.
        TooManyValuesError
    """
    try:
        document = json.loads(
            body.decode("utf-8"),
            parse_constant=_refuse,
            parse_float=_finite,
            object_pairs_hook=_without_repetition,
        )
        _check_shape(document)
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


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {shorten(digits)} is too large")
    return number


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(
            f"the name {shorten(twice)!r} stands twice in one object; which one is meant is not clear"
        )
    return found


def _check_shape(document: Any) -> None:
    """
    Raises:
        RecursionError: what reads the document further on calls itself once a level.
        TooManyValuesError
    """
    level, number = [document], 0
    for _ in range(DEEPEST):
        level = [inner for value in level if isinstance(value, dict | list) for inner in _inside(value)]
        number += len(level)
        if number > MOST_VALUES:
            raise TooManyValuesError
        if not level:
            return
    raise RecursionError


def _inside(value: dict[str, Any] | list[Any]) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value


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
