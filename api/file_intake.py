"""Takes in an uploaded file: reserves room, receives the body, has it inspected, keeps it.

Datasets and checkpoints take their files in the same way; what they check and where they keep it is passed in (`FileIntake`).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from api import uploads
from api.auth import Caller
from api.client_disconnect import while_connected
from api.context import Context
from api.upload_room import UploadReservation
from control.inspection.running import Handle
from control.inspection.server import InspectionServer
from control.storage import Stage

Found = TypeVar("Found")
Kept = TypeVar("Kept")


@dataclass(frozen=True)
class FileIntake(Generic[Found, Kept]):
    """The steps that differ. All of them block, and are called from threads.

    Args:
        reserve: Reserves room for a file of so many bytes, 0 if the size is not known.
        inspect: Checks the whole staged file.
        is_quick: Whether `inspect` takes some milliseconds only.
        keep: Stores the staged file, and returns the stored file and whether it is new rather than a replacement.
    """

    reserve: Callable[[int], UploadReservation]
    inspect: Callable[[Stage, InspectionServer, Handle], Found]
    is_quick: Callable[[Stage], bool]
    keep: Callable[[Stage, Found], tuple[Kept, bool]]


async def take_in(
    request: Request,
    context: Context,
    caller: Caller,
    intake: FileIntake[Found, Kept],
    *,
    sha256: bytes | None,
) -> tuple[Kept, bool]:
    """Receive the body of a request, inspect it and keep it. Nothing of a refused file is kept.

    Args:
        sha256: What the client declares of the body (`api.uploads.declared_sha256`).

    Raises:
        TooLarge, QuotaExceeded, DiskLow, StorageFull, StorageUnavailable: as `api.uploads.receive`.
        Invalid: ``digest_mismatch``, or what `intake.inspect` raises.
        starlette.requests.ClientDisconnect: the client disconnected before the end.
    """
    loop = asyncio.get_running_loop()
    stage = await loop.run_in_executor(context.uploads, context.storage.stage)
    room: UploadReservation | None = None
    try:
        at_most, length = context.settings.max_upload_bytes, uploads.declared_length(request)
        room = await run_in_threadpool(intake.reserve, length if length <= at_most else 0)
        await uploads.receive(request, stage, context.uploads, room, at_most=at_most)
        uploads.check_digest(sha256, stage)
        # The disk writes while the file is inspected; both end before the stage is removed.
        syncing = loop.run_in_executor(context.uploads, stage.sync)
        try:
            found = await while_connected(
                request,
                context.inspections.run(
                    caller.project_id,
                    lambda server, handle: intake.inspect(stage, server, handle),
                    quick=intake.is_quick(stage),
                ),
            )
        finally:
            await asyncio.wait([syncing])
        await syncing
        caller.credential_check.require_valid()
        room.end()  # from here on the file's row counts against the quota
        return await loop.run_in_executor(context.uploads, intake.keep, stage, found)
    finally:
        if room is not None:
            room.end()
        await asyncio.shield(loop.run_in_executor(context.uploads, stage.discard))
