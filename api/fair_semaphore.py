"""A fair semaphore: a limited number of slots, shared among projects."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class FairSemaphore:
    """At most ``slots`` turns at once, and one fewer for any one project, so that one is left for other projects.

    Of the projects that wait, the one with the fewest turns under way comes next, and among those the one that had its
    last turn longest ago. Within a project turns are given first come, first served. Used from one event loop only.
    """

    def __init__(self, slots: int) -> None:
        self._free = slots
        self._share = max(1, slots - 1)
        self._running: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()
        """Waiting turns by project, in the order in which projects were last served."""

    @asynccontextmanager
    async def of(self, project: str) -> AsyncIterator[None]:
        """Wait for a turn, and have it for the time of the block."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(project, deque()).append(turn)
        self._give()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._end(project)
            else:
                self._forget(project, turn)
            raise
        try:
            yield
        finally:
            self._end(project)

    def _end(self, project: str) -> None:
        self._running[project] -= 1
        if not self._running[project]:
            del self._running[project]
        self._free += 1
        self._give()

    def _forget(self, project: str, turn: "asyncio.Future[None]") -> None:
        waiting = self._waiting[project]
        waiting.remove(turn)
        if not waiting:
            del self._waiting[project]

    def _give(self) -> None:
        while self._free:
            able = [project for project in self._waiting if self._running[project] < self._share]
            if not able:
                return
            project = min(able, key=self._running.__getitem__)
            turn = self._waiting[project].popleft()
            if self._waiting[project]:
                self._waiting.move_to_end(project)
            else:
                del self._waiting[project]
            if not turn.cancelled():
                self._free -= 1
                self._running[project] += 1
                turn.set_result(None)
