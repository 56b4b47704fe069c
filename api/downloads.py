"""Downloads of stored files: whole, a range, or no body (304) if the client has the file already."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import Executor
from http import HTTPStatus
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from control.errors import SeedbedError
from control.storage import Storage

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class RangeNotSatisfiable(SeedbedError):
    """The range begins after the end of the file (416)."""

    status = HTTPStatus(416)

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(
            "range_not_satisfiable",
            f"The file has {size:,} bytes; the range lies outside them.",
            param="Range",
            params={"bytes": size},
        )


def wanted_range(header: str | None, size: int) -> tuple[int, int] | None:
    """The (start, stop) that a ``Range`` header asks for; None for the whole.

    Several ranges, other units and malformed headers are ignored, as RFC 9110 allows.

    Raises:
        RangeNotSatisfiable: it begins behind the end.
    """
    match = _RANGE.fullmatch(header.strip().replace(" ", "")) if header else None
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= stop:
        raise RangeNotSatisfiable(size)
    return start, stop


def _names(header: str | None, etag: str) -> bool:
    """Whether an ``If-None-Match`` header contains the ETag."""
    if header is None:
        return False
    listed = [entry.strip().removeprefix("W/") for entry in header.split(",")]
    return "*" in listed or etag in listed


async def send_object(
    request: Request,
    storage: Storage,
    threads: Executor,
    key: str,
    *,
    size: int,
    sha256: str,
    name: str,
    shown_as: str | None = None,
) -> Response:
    """Answer a GET or HEAD for an immutable object.

    Args:
        size: Its length in bytes.
        sha256: Its hash in hexadecimal, which is its entity tag.
        name: What a browser shall call the file.
        shown_as: Its media type, if a browser may show it inline; ranges are ignored then.

    Raises:
        RangeNotSatisfiable; StorageNotFound, StorageUnavailable: before the first byte is sent.
    """
    return await _answer(
        request,
        lambda start, stop: from_threads(storage.chunks(key, start, stop), threads),
        size=size,
        sha256=sha256,
        name=name,
        shown_as=shown_as,
        caching="private, max-age=31536000, immutable",
    )


async def send_written(
    request: Request, content: bytes, *, sha256: str, name: str, shown_as: str | None = None
) -> Response:
    """Answer a GET or HEAD for a file that was written for this request: the same as `send_object`, but clients ask each time
    whether it has changed.

    Raises:
        RangeNotSatisfiable
    """

    async def part(start: int, stop: int) -> AsyncIterator[bytes]:
        return _once(content[start:stop])

    return await _answer(
        request,
        part,
        size=len(content),
        sha256=sha256,
        name=name,
        shown_as=shown_as,
        caching="private, no-cache",
    )


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _answer(
    request: Request,
    read: Callable[[int, int], Awaitable[AsyncIterator[bytes]]],
    *,
    size: int,
    sha256: str,
    name: str,
    shown_as: str | None,
    caching: str,
) -> Response:
    """
    Args:
        read: From its first byte to before its last one.
        caching: The header ``Cache-Control``.
    """
    etag = f'"{sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "none" if shown_as else "bytes",
        "Cache-Control": caching,
    }
    if _names(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers=headers)
    if_range = request.headers.get("if-range")
    ranged = shown_as is None and if_range in {None, etag}
    part = wanted_range(request.headers.get("range"), size) if ranged else None
    start, stop = part or (0, size)
    headers |= {
        "Content-Length": str(stop - start),
        "Content-Disposition": f"{'inline' if shown_as else 'attachment'}; filename*=UTF-8''{quote(name, safe='')}",
    }
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    status = 206 if part else 200
    media_type = shown_as or "application/octet-stream"
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    body = await read(start, stop)
    return StreamingResponse(body, status, headers=headers, media_type=media_type)


async def from_threads(chunks: Iterator[bytes], threads: Executor) -> AsyncIterator[bytes]:
    """Yield the chunks; each is read in a thread while the one before it is being sent.

    The first chunk is read before this returns, so that an unreadable file gives an error response, not a truncated one.
    """
    loop = asyncio.get_running_loop()

    def read() -> bytes | None:
        return next(chunks, None)

    first = await loop.run_in_executor(threads, read)

    async def rest() -> AsyncIterator[bytes]:
        chunk = first
        while chunk is not None:
            coming = loop.run_in_executor(threads, read)
            try:
                yield chunk
            finally:
                chunk = await coming

    return rest()
