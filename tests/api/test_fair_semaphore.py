"""A fair semaphore shares its slots among projects: one project with many requests does not delay the others."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from api.fair_semaphore import FairSemaphore


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


pytestmark = pytest.mark.anyio


class Waiting:
    """A task that waits for a slot and holds it until it is released."""

    def __init__(self, turns: FairSemaphore, project: str, slots: int = 1) -> None:
        self.has = asyncio.Event()
        self.release = asyncio.Event()
        self.task = asyncio.create_task(self._hold(turns, project, slots))

    async def _hold(self, turns: FairSemaphore, project: str, slots: int) -> None:
        async with turns.of(project, slots):
            self.has.set()
            await self.release.wait()

    async def end(self) -> None:
        self.release.set()
        await self.task


async def settle() -> None:
    """Let every task run that can continue."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_project_never_holds_all_slots() -> None:
    turns = FairSemaphore(3)
    many = [Waiting(turns, "busy") for _ in range(10)]
    await settle()
    assert [one.has.is_set() for one in many] == [True] * 2 + [False] * 8
    other = Waiting(turns, "other")
    await settle()
    assert other.has.is_set()
    await other.end()
    await settle()
    assert sum(one.has.is_set() for one in many) == 2
    for one in many:
        await one.end()


async def test_projects_alternate() -> None:
    turns = FairSemaphore(2)
    first, second = Waiting(turns, "a"), Waiting(turns, "b")
    await settle()
    waiting = [Waiting(turns, project) for project in ("a", "a", "a", "b", "c")]
    await settle()
    served = []
    for held in (first, second):
        await held.end()
    while len(served) < len(waiting):
        await settle()
        for number, one in enumerate(waiting):
            if one.has.is_set() and number not in served:
                served.append(number)
                await one.end()
    assert set(served[:3]) == {0, 3, 4}
    assert served[3:] == [1, 2]


async def test_a_cancelled_waiter_passes_its_slot_to_the_next_one() -> None:
    turns = FairSemaphore(2)
    held = Waiting(turns, "a")
    await settle()
    gone, next_one = Waiting(turns, "a"), Waiting(turns, "a")
    await settle()
    gone.task.cancel()
    await settle()
    await held.end()
    await settle()
    assert next_one.has.is_set()
    # Cancelled at the moment in which it gets its slot, it returns it.
    last, late = Waiting(turns, "a"), Waiting(turns, "a")
    await settle()
    next_one.release.set()
    await asyncio.sleep(0)
    last.task.cancel()
    await settle()
    assert late.has.is_set()
    await late.end()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(turns.of("a"))
        await stack.enter_async_context(turns.of("b"))


async def test_turns_of_several_slots_share_them_and_small_ones_overtake_no_large_one() -> None:
    turns = FairSemaphore(10, share=8)
    first = Waiting(turns, "a", 6)
    more = Waiting(turns, "a", 3)
    other = Waiting(turns, "b", 2)
    large = Waiting(turns, "b", 6)
    small = Waiting(turns, "c", 2)
    later = Waiting(turns, "b", 1)
    await settle()
    waiting = [more, large, later]
    assert [one.has.is_set() for one in (first, other, small)] == [True] * 3
    assert [one.has.is_set() for one in waiting] == [False] * 3
    await other.end()
    await settle()
    assert not any(one.has.is_set() for one in waiting), "the large one is next, and two slots are too few"
    large.task.cancel()
    await settle()
    assert [one.has.is_set() for one in waiting] == [False, False, True]
    await first.end()
    await settle()
    assert more.has.is_set()
    for one in (more, small, later):
        await one.end()
