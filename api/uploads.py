"""Writes a request's body to storage: hashes and writes it block by block in a thread beside the event loop.

While one block is hashed and written in a thread, the next one arrives: memory is bounded by two blocks,
whatever the file's size.
"""

import asyncio
import base64
import binascii
from concurrent.futures import Executor

from fastapi import Request

from api.upload_room import UploadReservation
from control.errors import Invalid, TooLarge
from control.storage import Stage

BLOCK = 4 << 20
"""Bytes handed to the thread at a time."""


async def receive(
    request: Request, stage: Stage, threads: Executor, room: UploadReservation, *, at_most: int
) -> None:
    """Write the whole body to the stage.

    Raises:
        TooLarge: ``file_too_large``.
        QuotaExceeded, DiskLow: there is no more room.
        StorageFull, StorageUnavailable: from the stage.
        starlette.requests.ClientDisconnect: the client disconnected before the end.
    """
    if declared_length(request) > at_most:
        raise _too_large(at_most)
    loop = asyncio.get_running_loop()
    writing: asyncio.Future[None] | None = None
    block: list[bytes] = []
    size = total = 0
    try:
        async for chunk in request.stream():
            block.append(chunk)
            size += len(chunk)
            total += len(chunk)
            if total > at_most:
                raise _too_large(at_most)
            if size >= BLOCK:
                if writing is not None:
                    await writing
                writing = loop.run_in_executor(threads, _write, stage, block, room, total)
                block, size = [], 0
        if writing is not None:
            await writing
        writing = loop.run_in_executor(threads, _write, stage, block, room, total)
        await writing
    finally:
        if writing is not None and not writing.done():
            # Wait for the thread in any case: it must not write to a stage that is about to be removed.
            await asyncio.wait([writing])
            writing.exception()


def _write(stage: Stage, block: list[bytes], room: UploadReservation, total: int) -> None:
    room.grow(total, coming=sum(map(len, block)))
    stage.write(block)


def declared_length(request: Request) -> int:
    """The Content-Length of the body in bytes; 0 without one."""
    declared = request.headers.get("content-length", "0")
    return int(declared) if declared.isdecimal() else 0


def _too_large(at_most: int) -> TooLarge:
    return TooLarge(
        "file_too_large",
        f"A file may have {at_most:,} bytes here. Split it, or have the operator raise SEEDBED_MAX_UPLOAD_BYTES.",
        param="file",
        params={"most_bytes": at_most},
    )


def declared_sha256(header: str | None) -> bytes | None:
    """The digest in a ``Content-Digest`` (RFC 9530): ``sha-256=:BASE64:``; other algorithms are passed over.

    Raises:
        Invalid: ``invalid_digest``.
    """
    for entry in (header or "").split(","):
        name, _, value = entry.strip().partition("=")
        if name.strip().lower() != "sha-256":
            continue
        try:
            digest = base64.b64decode(value.strip().removeprefix(":").removesuffix(":"), validate=True)
        except binascii.Error:
            digest = b""
        if len(digest) != 32:
            raise Invalid(
                "invalid_digest",
                "Content-Digest must read `sha-256=:…:` with the 32 bytes of the SHA-256 in base64.",
                param="Content-Digest",
            )
        return digest
    return None


def check_digest(expected: bytes | None, stage: Stage) -> None:
    """
    Raises:
        Invalid: ``digest_mismatch``.
    """
    if expected is not None and expected != stage.digest:
        raise Invalid(
            "digest_mismatch",
            f"The {stage.bytes:,} bytes that arrived have the SHA-256 {stage.sha256}, and Content-Digest declares "
            f"{expected.hex()}. They changed on the way or before; send them again.",
            param="Content-Digest",
            params={"bytes": stage.bytes, "sha256": stage.sha256, "declared_sha256": expected.hex()},
        )
