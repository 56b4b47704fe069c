"""Watching a job: everything once and in order, whatever happens to the connection."""

from collections.abc import Iterator

import pytest
import seedbed
from seedbed import sse
from seedbed.errors import SeedbedError
from seedbed.watch import Update

from tests.client.conftest import SPEC, Service, Trainer
from tests.client.faulty_proxy import Fault, FaultyProxy

FILES = {"config.json": b"{}"}


def points(updates: list[Update]) -> list[tuple[int, dict[str, float | str | None]]]:
    return [(update.step, update.values) for update in updates if isinstance(update, seedbed.MetricPoint)]


def told(updates: list[Update]) -> tuple[object, ...]:
    """The part of an update that must be the same however it was received."""
    return (
        points(updates),
        [update.id for update in updates if isinstance(update, seedbed.Event)],
        [update.id for update in updates if isinstance(update, seedbed.Checkpoint)],
        [update for update in updates if isinstance(update, seedbed.End)],
    )


def until(updates: Iterator[Update], step: int) -> list[Update]:
    """Up to the point of that step."""
    seen = []
    for update in updates:
        seen.append(update)
        if isinstance(update, seedbed.MetricPoint) and update.step == step:
            return seen
    raise AssertionError("the watch ended before")


def train(trainer: Trainer, first: int = 1) -> None:
    trainer.measure(*range(first, 6))
    trainer.checkpoint(5, FILES)
    trainer.measure(6, eval_loss=float("nan"))
    trainer.measure(*range(7, 11))
    trainer.finish()


def test_a_watch_yields_everything_from_beginning_to_end(
    client: seedbed.Client, trainer: Trainer, dataset: str
) -> None:
    job = client.jobs.submit(SPEC, dataset=dataset)
    watching = client.jobs.watch(job.id)
    first = next(watching)
    assert isinstance(first, seedbed.Job)
    assert first.state == "queued"
    trainer.claim()
    trainer.measure(1)
    seen = until(watching, 1)
    assert any(isinstance(update, seedbed.Job) and update.state == "running" for update in seen)
    trainer.checkpoint(1, FILES)
    trainer.measure(2, eval_loss=5.0)
    trainer.finish()
    seen += list(watching)
    assert [step for step, _ in points(seen)] == [1, 2]
    assert points(seen)[1][1] == {"train/loss": 7.98, "train/tokens_per_s": 12345.0, "eval/loss": 5.0}
    assert len([update for update in seen if isinstance(update, seedbed.Checkpoint)]) == 1
    assert seen[-1] == seedbed.End(state="succeeded")
    assert client.jobs.wait(job.id).state == "succeeded"


def test_updates_of_every_watched_job_arrive(
    client: seedbed.Client, service: Service, dataset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a job whose watch begins while others are watched."""
    monkeypatch.setattr("api.stream.LOOK_SECONDS", 3600)  # only a wake-up makes the stream read again
    monkeypatch.setattr("seedbed.watch.SILENCE_SECONDS", 10)
    trainer = Trainer(service)
    interruptions: list[SeedbedError] = []
    watched = []
    for _ in range(5):
        job = client.jobs.submit(SPEC, dataset=dataset).id
        watching = client.jobs.watch(job, on_interruption=interruptions.append)
        next(watching)
        watched.append(watching)
        trainer.claim()
        trainer.measure(1)
        until(watching, 1)
    assert interruptions == []


def test_nothing_is_lost_or_repeated_wherever_the_connection_breaks(
    client: seedbed.Client, faulty: seedbed.Client, proxy: FaultyProxy, trainer: Trainer, job: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("seedbed.transport.time.sleep", lambda _: None)
    train(trainer)
    expected = told(list(client.jobs.watch(job)))
    assert [step for step, _ in expected[0]] == list(range(1, 11))  # type: ignore[misc, attr-defined]
    faulty.jobs.get(job)
    before = proxy.carried
    list(faulty.jobs.watch(job))
    whole = proxy.carried - 2 * before  # of the stream alone, which follows a plain GET of the job
    interruptions = 0

    def interrupted(_: SeedbedError) -> None:
        nonlocal interruptions
        interruptions += 1

    places = range(150, whole, whole // 25)
    for place in places:
        proxy.troubles[:] = [Fault(on=b"/stream", cut_after=place)]
        seen = list(faulty.jobs.watch(job, on_interruption=interrupted))
        assert told(seen) == expected, f"cut after {place} bytes"
    assert interruptions == len(places)


def test_a_watch_reconnects_to_a_restarted_service(
    client: seedbed.Client, service: Service, trainer: Trainer, job: str
) -> None:
    trainer.measure(1, 2)
    lost: list[SeedbedError] = []
    watching = client.jobs.watch(job, on_interruption=lost.append)
    seen = until(watching, 2)
    service.stop()
    trainer.measure(3, 4)
    service.start()
    trainer.measure(5)
    trainer.finish()
    seen += list(watching)
    assert [step for step, _ in points(seen)] == [1, 2, 3, 4, 5]
    assert seen[-1] == seedbed.End(state="succeeded")


def test_if_a_proxy_buffers_streams_the_watch_polls(
    client: seedbed.Client, faulty: seedbed.Client, proxy: FaultyProxy, trainer: Trainer, job: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("seedbed.watch.SILENCE_SECONDS", 0.2)
    monkeypatch.setattr("seedbed.watch.POLL_SECONDS", 0.05)
    proxy.troubles.append(Fault(on=b"/stream", hold=True, times=None))
    watching = faulty.jobs.watch(job)
    trainer.measure(1, 2)
    seen = until(watching, 2)
    train(trainer, first=3)
    seen += list(watching)
    straight = told(list(client.jobs.watch(job)))
    assert told(seen)[1:] == straight[1:]
    assert [step for step, _ in points(seen)] == list(range(1, 11))
    assert dict(points(seen))[6]["eval/loss"] == "nan"


def test_a_watch_polls_from_where_a_stream_broke(
    faulty: seedbed.Client, proxy: FaultyProxy, trainer: Trainer, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seedbed.watch.SILENCE_SECONDS", 0.3)
    monkeypatch.setattr("seedbed.watch.POLL_SECONDS", 0.05)
    trainer.measure(1, 2, 3)
    trainer.checkpoint(3, FILES)
    watching = faulty.jobs.watch(job)
    seen = until(watching, 3)
    proxy.troubles.append(Fault(on=b"/stream", hold=True, times=None))
    trainer.measure(4)
    seen += until(watching, 4)
    trainer.finish()
    seen += list(watching)
    assert [step for step, _ in points(seen)] == [1, 2, 3, 4]
    assert len(told(seen)[2]) == 1  # type: ignore[arg-type]
    ids = told(seen)[1]
    assert isinstance(ids, list)
    assert ids == sorted(set(ids))


@pytest.mark.parametrize("polled", [False, True])
def test_a_watch_can_start_at_the_present(
    faulty: seedbed.Client, proxy: FaultyProxy, trainer: Trainer, job: str, monkeypatch: pytest.MonkeyPatch,
    polled: bool,  # noqa: FBT001 - a parameter of the test
) -> None:  # fmt: skip
    monkeypatch.setattr("seedbed.watch.SILENCE_SECONDS", 0.5)
    monkeypatch.setattr("seedbed.watch.POLL_SECONDS", 0.05)
    if polled:
        proxy.troubles.append(Fault(on=b"/stream", hold=True, times=None))
    trainer.measure(1, 2)
    watching = faulty.jobs.watch(job, replay=False)
    assert isinstance(next(watching), seedbed.Job)
    trainer.measure(3)
    trainer.finish()
    assert [step for step, _ in points(list(watching))] == [3]


def test_a_watch_from_the_present_loses_nothing_if_the_connection_breaks_first(
    faulty: seedbed.Client, proxy: FaultyProxy, trainer: Trainer, job: str
) -> None:
    trainer.measure(1, 2)
    watching = faulty.jobs.watch(job, replay=False)
    assert isinstance(next(watching), seedbed.Job)
    proxy.cut()
    trainer.measure(3)
    trainer.finish()
    assert [step for step, _ in points(list(watching))] == [3]


def test_an_unknown_job_is_an_error_at_once(client: seedbed.Client) -> None:
    with pytest.raises(seedbed.NotFound):
        next(client.jobs.watch("job_00000000000000000000000000"))


def test_a_watch_gives_up_after_its_time_limit(
    client: seedbed.Client, service: Service, trainer: Trainer, job: str
) -> None:
    trainer.measure(1)
    watching = client.jobs.watch(job, patience=0.3)
    until(watching, 1)
    service.stop()
    with pytest.raises(seedbed.Unreachable):
        list(watching)


def test_a_key_that_is_revoked_ends_the_watch(
    client: seedbed.Client, service: Service, proxy: FaultyProxy, trainer: Trainer, job: str
) -> None:
    made = client.keys.create("short-lived", scopes=["read"])
    with seedbed.Client(proxy.url, made.secret) as other:
        trainer.measure(1)
        proxy.troubles.append(Fault(on=b"/stream", cut_after=3000))
        watching = other.jobs.watch(job)
        next(watching)
        client.keys.revoke(made.id)
        trainer.measure(*range(2, 40))
        with pytest.raises(seedbed.Unauthorized):
            list(watching)


def test_event_streams_are_parsed_as_the_standard_says() -> None:
    text = (
        ": a comment\n\nretry: 1500\nid: 0\n\n"
        'id: 1\nevent: metrics\ndata: {"text":"a\u2028b\x85c"}\n\n'
        "event:x\r\ndata:one\r\ndata: two\r\n\r\n"
        "data: never finished\n"
    ).encode()
    expected = [
        sse.Message(None, "", "0", 1.5),
        sse.Message("metrics", '{"text":"a\u2028b\x85c"}', "1"),
        sse.Message("x", "one\ntwo", None),
    ]
    assert list(sse.messages([text])) == expected
    assert list(sse.messages(bytes([byte]) for byte in text)) == expected


def test_spaces_around_a_message_are_its_own() -> None:
    (message,) = sse.messages([b"data:   a\tb  \n\n"])
    assert message.data == "  a\tb  "
