"""Inspections of this process: their server, their turns, their threads; apart from everything else that it does."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from api.fair_semaphore import FairSemaphore
from control.inspection.running import Handle
from control.inspection.server import InspectionServer

_QUICK_SLOTS = 4
"""Threads for small plain text, and for drawing what inspection made: some milliseconds each."""

T = TypeVar("T")


class Inspections:
    """Start it in a thread that lives as long as the process.

    Args:
        slots: Larger files that are read at once.
    """

    def __init__(self, slots: int) -> None:
        self._server = InspectionServer()
        self._large = FairSemaphore(slots)
        self._quick = FairSemaphore(_QUICK_SLOTS)
        self._threads = ThreadPoolExecutor(slots + _QUICK_SLOTS, "inspection")

    def start(self) -> None:
        """Start the server and let it load its modules, so that the first file need not wait for them."""
        self._server.start()

    def close(self) -> None:
        """End every inspection."""
        self._server.close()
        self._threads.shutdown()

    async def run(
        self, project_id: str, act: Callable[[InspectionServer, Handle], T], *, quick: bool = False
    ) -> T:
        """Call ``act`` in a thread when it is the project's turn, and return its result.

        When cancelled, this stops the inspection, and ends the turn once the inspection has ended.
        """
        async with (self._quick if quick else self._large).of(project_id):
            handle = Handle()
            done = asyncio.get_running_loop().run_in_executor(self._threads, act, self._server, handle)
            try:
                return await asyncio.shield(done)
            except asyncio.CancelledError:
                handle.stop()
                with contextlib.suppress(Exception):
                    await done
                raise
