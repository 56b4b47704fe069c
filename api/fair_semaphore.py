"""A fair semaphore: a limited number of slots, or of bytes, shared among projects."""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass


class FairSemaphore:
    """At most ``slots`` at once, and at most ``share`` for any one project, so that some are left for other projects.

    Of the projects that wait, the one with the fewest slots in use comes next, and among those the one that had its
    last turn longest ago; nothing overtakes it while it needs more slots than are free. Within a project turns are given
    first come, first served. Used from one event loop only.

    Args:
        share: Default: one fewer than ``slots``.
    """

    def __init__(self, slots: int, *, share: int | None = None) -> None:
        self._free = slots
        self._share = max(1, slots - 1) if share is None else share
        self._running: Counter[str] = Counter()
        """Slots in use by project."""
        self._waiting: OrderedDict[str, deque[_Turn]] = OrderedDict()
        """Waiting turns by project, in the order in which projects were last served."""

    @asynccontextmanager
    async def of(self, project: str, slots: int = 1) -> AsyncIterator[None]:
        """Wait for a turn with this many slots, at most ``share``, and have it for the time of the block."""
        assert slots <= self._share
        turn = _Turn(slots, asyncio.get_running_loop().create_future())
        self._waiting.setdefault(project, deque()).append(turn)
        self._give()
        try:
            await turn.given
        except asyncio.CancelledError:
            if turn.given.done() and not turn.given.cancelled():
                self._end(project, turn)
            else:
                self._forget(project, turn)
            raise
        try:
            yield
        finally:
            self._end(project, turn)

    def _end(self, project: str, turn: "_Turn") -> None:
        self._running[project] -= turn.slots
        if not self._running[project]:
            del self._running[project]
        self._free += turn.slots
        self._give()

    def _forget(self, project: str, turn: "_Turn") -> None:
        waiting = self._waiting[project]
        waiting.remove(turn)
        if not waiting:
            del self._waiting[project]
        self._give()

    def _give(self) -> None:
        while able := [
            project
            for project, turns in self._waiting.items()
            if self._running[project] + turns[0].slots <= self._share
        ]:
            project = min(able, key=self._running.__getitem__)
            turn = self._waiting[project][0]
            if turn.slots > self._free and not turn.given.cancelled():
                return
            self._waiting[project].popleft()
            if self._waiting[project]:
                self._waiting.move_to_end(project)
            else:
                del self._waiting[project]
            if not turn.given.cancelled():
                self._free -= turn.slots
                self._running[project] += turn.slots
                turn.given.set_result(None)


@dataclass(frozen=True, eq=False)
class _Turn:
    slots: int
    given: "asyncio.Future[None]"
