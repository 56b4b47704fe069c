"""Which jobs get wake-up messages, and which are preempted, without a database."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from control.scheduling.dispatch import Waiting, plan
from control.scheduling.slots import RunningJob, Slot, Slots
from control.workers.fleet import Member, WorkerDevice

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def _slot(
    name: str,
    device: WorkerDevice = "cpu",
    *,
    priority: int | None = None,
    preemptible: bool = False,
    stopping: bool = False,
    since: int = 0,
) -> Slot:
    running = None
    if priority is not None:
        moment = T0 + timedelta(seconds=since)
        running = RunningJob(f"job on {name}", priority, preemptible, stopping, moment)
    return Slot(Member(name, device, 8), running)


def _waiting(
    name: str, device: str = "auto", *, priority: int = 0, after: int = 0, memory: int = 1
) -> Waiting:
    return Waiting(name, device, memory, priority, T0 + timedelta(seconds=after))


def test_each_free_slot_gets_one_wake_up() -> None:
    head = [_waiting("a"), _waiting("b", after=1), _waiting("c", after=2)]
    found = plan(head, Slots([_slot("1"), _slot("2")]))
    assert dict(found.wakeups) == {"cpu": ["a", "b"]}
    assert found.preempt == {}


def test_wake_ups_are_sent_to_the_queue_of_the_worker() -> None:
    head = [_waiting("a", "cuda"), _waiting("b", "cpu")]
    found = plan(head, Slots([_slot("1"), _slot("2", "cuda")]))
    assert dict(found.wakeups) == {"gpu": ["a"], "cpu": ["b"]}


def test_a_busy_slot_gets_no_wake_up() -> None:
    found = plan([_waiting("a")], Slots([_slot("1", priority=0)]))
    assert dict(found.wakeups) == {}


def test_the_job_of_lowest_priority_is_preempted_and_of_equals_the_latest() -> None:
    now = Slots(
        [
            _slot("1", priority=2, preemptible=True),
            _slot("2", priority=1, preemptible=True, since=1),
            _slot("3", priority=1, preemptible=True, since=5),
            _slot("4", priority=0),
        ]
    )
    assert plan([_waiting("urgent", priority=9)], now).preempt == {"job on 3": "urgent"}


def test_equal_priority_preempts_nothing() -> None:
    assert plan([_waiting("a", priority=1)], Slots([_slot("1", priority=1, preemptible=True)])).preempt == {}


def test_nothing_is_preempted_while_a_slot_is_free_or_becomes_free() -> None:
    victim = _slot("1", priority=0, preemptible=True)
    urgent = [_waiting("urgent", priority=9)]
    assert plan(urgent, Slots([victim, _slot("2")])).preempt == {}
    assert plan(urgent, Slots([victim, _slot("2", priority=5, stopping=True)])).preempt == {}


def test_two_urgent_jobs_take_two_slots() -> None:
    now = Slots([_slot("1", priority=0, preemptible=True), _slot("2", priority=0, stopping=True)])
    head = [_waiting("a", priority=9), _waiting("b", priority=9, after=1)]
    assert plan(head, now).preempt == {"job on 1": "b"}


def test_a_job_on_a_worker_that_could_not_run_the_urgent_job_is_not_preempted() -> None:
    now = Slots([_slot("1", priority=0, preemptible=True)])
    assert plan([_waiting("a", "cuda", priority=9)], now).preempt == {}
    assert plan([_waiting("a", priority=9, memory=9)], now).preempt == {}


_places = st.lists(
    st.tuples(
        st.sampled_from(["cpu", "cuda"]),
        st.none() | st.integers(-2, 2),
        st.booleans(),
        st.booleans(),
        st.integers(0, 3),
    ),
    max_size=5,
)
_heads = st.lists(
    st.tuples(st.sampled_from(["auto", "cpu", "cuda"]), st.integers(-2, 2), st.integers(0, 3)), max_size=6
)


@given(_places, _heads)
def test_a_plan_never_uses_more_slots_than_exist(
    drawn: list[tuple[WorkerDevice, int | None, bool, bool, int]], queue: list[tuple[str, int, int]]
) -> None:
    now = Slots(
        [
            _slot(f"w{i}", device, priority=priority, preemptible=preemptible, stopping=stopping, since=since)
            for i, (device, priority, preemptible, stopping, since) in enumerate(drawn)
        ]
    )
    head = [_waiting(f"j{i}", d, priority=p, after=a) for i, (d, p, a) in enumerate(queue)]
    found = plan(head, now)
    waiting = {job.id: job for job in head}
    occupants = {slot.running.job_id: slot for slot in now.all if slot.running}
    rung = [job for jobs in found.wakeups.values() for job in jobs]
    assert len(set(rung)) == len(rung) <= sum(slot.running is None for slot in now.all)
    assert not set(rung) & set(found.preempt.values())
    for victim, urgent in found.preempt.items():
        running = occupants[victim].running
        assert running
        assert running.preemptible
        assert not running.stopping
        assert running.priority < waiting[urgent].priority
        able = now.for_job(waiting[urgent].device, waiting[urgent].memory_bytes)
        assert occupants[victim] in able
        free_for_it = [p for p in able if p.running is None]
        assert len(free_for_it) <= len(rung), "a free slot was passed over"
