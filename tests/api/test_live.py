"""What a listener reads after notifications of several kinds at once; the test calls the hub step by step."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import Engine

from api.live import Hub, Listener
from control.broker import broker
from control.db import write
from control.jobs import service as jobs
from control.jobs.service import Claim
from control.live.service import Changes, Cursor
from control.settings import Settings
from tests.factories import make_checkpoint, make_running

LOOK_SECONDS = 3600.0
"""So long that no read is caused by the timeout."""


def _running(engine: Engine) -> Claim:
    with write(engine) as session:
        return make_running(session)[1]


def _point(engine: Engine, claim: Claim, step: int) -> None:
    with write(engine) as session:
        point = jobs.Point("train/loss", step, 1.0, datetime.now(UTC))
        jobs.record_points(session, claim.job_id, claim.attempt, [point])


def _event(engine: Engine, claim: Claim) -> None:
    with write(engine) as session:
        jobs.record_event(session, claim.job_id, claim.attempt, "resumed")


async def _settled(hub: Hub, listener: Listener) -> Changes:
    """The first read, of the whole job."""
    changes = await listener.changes(Cursor(), LOOK_SECONDS)
    assert changes.job is not None
    await hub._read_once()  # its own notification
    return changes


def _cursor(changes: Changes) -> Cursor:
    return Cursor(
        changes.points[-1].seq if changes.points else 0, changes.events[-1].id if changes.events else 0
    )


def test_if_only_points_were_written_only_points_are_read(engine: Engine, environment: Settings) -> None:
    claim = _running(engine)

    async def listen() -> None:
        hub = Hub(engine, environment.redis_url)
        async with hub.listen(claim.job_id) as listener:
            cursor = _cursor(await _settled(hub, listener))
            _point(engine, claim, 1)
            _point(engine, claim, 2)
            await hub._read_once()
            changes = await listener.changes(cursor, LOOK_SECONDS)
            assert [point.step for point in changes.points] == [1, 2]
            assert changes.job is None, "all of the job was read for points alone"
        await hub.stop()

    asyncio.run(listen())


def test_an_event_among_points_is_delivered(engine: Engine, environment: Settings) -> None:
    claim = _running(engine)

    async def listen() -> None:
        hub = Hub(engine, environment.redis_url)
        for order in ("before", "between", "after"):
            async with hub.listen(claim.job_id) as listener:
                changes = await listener.changes(Cursor(), LOOK_SECONDS)
                await hub._read_once()
                seen = len(changes.events)
                for step in (1, 2):
                    if order == "before" and step == 1:
                        _event(engine, claim)
                    _point(engine, claim, step)
                    if order == "between" and step == 1:
                        _event(engine, claim)
                if order == "after":
                    _event(engine, claim)
                await hub._read_once()
                changes = await listener.changes(Cursor(), LOOK_SECONDS)
                assert len(changes.events) == seen + 1, order
        await hub.stop()

    asyncio.run(listen())


def test_an_event_is_not_forgotten_over_the_points_after_it(engine: Engine, environment: Settings) -> None:
    """Points are written after an event, before the listener has read either."""
    claim = _running(engine)

    async def listen() -> None:
        hub = Hub(engine, environment.redis_url)
        async with hub.listen(claim.job_id) as listener:
            cursor = _cursor(await _settled(hub, listener))
            with write(engine) as session:
                make_checkpoint(session, claim, 5)
            await hub._read_once()
            _point(engine, claim, 6)
            await hub._read_once()
            changes = await listener.changes(cursor, LOOK_SECONDS)
            assert [event.type for event in changes.events] == ["checkpoint"]
        await hub.stop()

    asyncio.run(listen())


def test_after_a_timeout_the_whole_job_is_read(engine: Engine, environment: Settings) -> None:
    """Redis may have lost a message: the next full read finds the event."""
    claim = _running(engine)

    async def listen() -> None:
        hub = Hub(engine, environment.redis_url)
        async with hub.listen(claim.job_id) as listener:
            cursor = _cursor(await _settled(hub, listener))
            _event(engine, claim)
            broker().live.flushall()
            await listener.wait(0.01)
            changes = await listener.changes(cursor, LOOK_SECONDS)
            assert [event.type for event in changes.events] == ["resumed"]
        await hub.stop()

    asyncio.run(listen())


def test_listeners_at_one_cursor_share_a_read_that_began_after_the_wakeup(
    engine: Engine, environment: Settings
) -> None:
    claim = _running(engine)

    async def listen() -> None:
        hub = Hub(engine, environment.redis_url)
        reads = 0
        whole = hub.read

        async def counted(*arguments: object) -> Changes:
            nonlocal reads
            reads += 1
            return await whole(*arguments)  # type: ignore[arg-type]

        hub.read = counted  # type: ignore[method-assign]
        async with hub.listen(claim.job_id) as first, hub.listen(claim.job_id) as second:
            await asyncio.gather(*(each.changes(Cursor(), LOOK_SECONDS) for each in (first, second)))
            assert reads == 1
            slow = asyncio.create_task(first.changes(Cursor(), LOOK_SECONDS))
            await asyncio.sleep(0)
            hub._watches[claim.job_id].notify()
            await asyncio.gather(slow, second.changes(Cursor(), LOOK_SECONDS))
            assert reads == 3
            # Now both request the same: only the points, from the same cursor.
            await first.changes(Cursor(), LOOK_SECONDS)
            slow = asyncio.create_task(first.changes(Cursor(), LOOK_SECONDS))
            await asyncio.sleep(0)
            hub._watches[claim.job_id].notify(points_alone=True)
            await asyncio.gather(slow, second.changes(Cursor(), LOOK_SECONDS))
            assert reads == 6
        await hub.stop()

    asyncio.run(listen())
