"""The live stream of a job: everything once, in order, whatever happens to Redis or to the connection."""

import io
import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from api.app import create_app
from api.main import Server, listen
from control.broker import broker
from control.db import write
from control.jobs import service as jobs
from control.live import service
from control.metrics.event_file import read_scalars
from control.settings import Settings, settings
from standalone.valkey import Valkey
from tests.api.conftest import Keys, problem
from tests.factories import make_checkpoint, make_running


@dataclass
class Message:
    event: str
    data: Any
    id: str | None


class Stream:
    """Server-Sent Events as a browser reads them."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.iter_lines()
        self.comments: list[str] = []

    def __iter__(self) -> Iterator[Message]:
        fields: dict[str, str] = {}
        for line in self._lines:
            if line.startswith(":"):
                self.comments.append(line)
            elif line:
                name, _, value = line.partition(": ")
                fields[name] = value
            else:
                if "data" in fields:
                    yield Message(fields["event"], json.loads(fields["data"]), fields.get("id"))
                fields = {}

    def until(self, wanted: Callable[[Message], bool]) -> list[Message]:
        """Everything up to the first message that is wanted."""
        found = []
        for message in self:
            found.append(message)
            if wanted(message):
                return found
        raise AssertionError(f"the stream ended after {found}")


@dataclass
class Running:
    """A running job, and functions that write about it."""

    engine: Engine
    claim: jobs.Claim

    @property
    def id(self) -> str:
        return self.claim.job_id

    @property
    def attempt(self) -> int:
        return self.claim.attempt

    def log(self, *steps: int, value: float = 1.0) -> None:
        points = [jobs.Point("train/loss", step, value * step, datetime.now(UTC)) for step in steps]
        with write(self.engine) as session:
            jobs.record_points(session, self.id, self.attempt, points)

    def finish(self) -> None:
        with write(self.engine) as session:
            jobs.finish(session, self.id, self.attempt, jobs.Completed())


@pytest.fixture
def running(engine: Engine, project_id: str) -> Running:
    with write(engine) as session:
        return Running(engine, make_running(session, project_id=project_id)[1])


@contextmanager
def listening(client: httpx.Client, job: Running, **parameters: Any) -> Iterator[Stream]:
    headers = {"Last-Event-ID": last} if (last := parameters.pop("last_event_id", None)) else {}
    with client.stream("GET", f"/v1/jobs/{job.id}/stream", params=parameters, headers=headers) as response:
        assert response.status_code == 200
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


def steps(messages: list[Message]) -> list[int]:
    return [message.data["step"] for message in messages if message.event == "metrics"]


def at_step(step: int) -> Callable[[Message], bool]:
    return lambda message: message.event == "metrics" and message.data["step"] == step


def is_end(message: Message) -> bool:
    return message.event == "end"


def test_the_stream_sends_past_and_new_items_and_then_the_end(client: httpx.Client, running: Running) -> None:
    running.log(1, 2, 3)
    with listening(client, running) as stream:
        seen = stream.until(at_step(3))
        assert seen[0].event == "job"
        assert seen[0].data["id"] == running.id
        for step in range(4, 20):
            running.log(step)
        seen += stream.until(at_step(19))
        running.finish()
        seen += stream.until(is_end)
        assert list(stream) == []
    assert steps(seen) == list(range(1, 20))
    point = next(message for message in seen if message.event == "metrics")
    assert point.data["values"] == {"train/loss": 1.0}
    assert point.data["attempt"] == 1
    events = [message.data["type"] for message in seen if message.event == "event"]
    assert events[0] == "queued"
    assert events[-1] == "succeeded"
    assert [message.data["state"] for message in seen if message.event == "job"] == ["running", "succeeded"]
    assert seen[-1].data == {"state": "succeeded"}
    assert any(message.event == "progress" and message.data["step"] == 19 for message in seen)
    for message in seen:
        assert (message.id is not None) == (message.event in {"metrics", "event"})


def test_while_only_points_are_written_only_points_are_read(
    client: httpx.Client, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.stream.LOOK_SECONDS", 3600)
    looks: list[str] = []
    whole = service.changes
    monkeypatch.setattr(service, "changes", lambda *given: looks.append("all") or whole(*given))  # type: ignore[func-returns-value]
    with listening(client, running) as stream:
        running.log(1)
        seen = stream.until(at_step(1))
        before = len(looks)
        for step in range(2, 12):
            running.log(step)
            seen += stream.until(at_step(step))
        assert len(looks) == before
        running.finish()
        seen += stream.until(is_end)
    assert steps(seen) == list(range(1, 12))
    assert seen[-1].data == {"state": "succeeded"}


def test_the_whole_history_of_an_ended_job_is_sent_at_once(
    client: httpx.Client, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.stream.LOOK_SECONDS", 3600)  # a job that is over sends no wake-up
    running.log(*range(1, 2501))  # more than one read returns
    running.finish()
    with listening(client, running) as stream:
        seen = stream.until(is_end)
    assert steps(seen) == list(range(1, 2501))
    assert seen[-1].data == {"state": "succeeded"}


def test_a_reconnected_client_gets_what_it_missed(client: httpx.Client, running: Running) -> None:
    running.log(1, 2, 3)
    with listening(client, running) as stream:
        before = stream.until(at_step(2))
    running.log(4)
    with listening(client, running, last_event_id=before[-1].id) as stream:
        after = stream.until(at_step(4))
        running.log(5)
        after += stream.until(at_step(5))
    assert steps(before) == [1, 2]
    assert steps(after) == [3, 4, 5]
    told = [message.data["id"] for message in before + after if message.event == "event"]
    assert told == sorted(set(told))


def test_a_client_may_start_at_the_present(client: httpx.Client, running: Running) -> None:
    running.log(1, 2, 3)
    with listening(client, running, replay=False) as stream:
        seen = stream.until(lambda message: message.event == "job")
        running.log(4)
        seen += stream.until(at_step(4))
    assert steps(seen) == [4]
    assert [message for message in seen if message.event == "event"] == []


def test_the_stream_of_an_ended_job_sends_the_job_and_ends(client: httpx.Client, running: Running) -> None:
    running.log(*range(1, 2501))  # more than one read returns
    running.finish()
    with listening(client, running) as stream:
        seen = stream.until(is_end)
    assert steps(seen) == list(range(1, 2501))
    last = seen[-2] if seen[-2].id else next(message for message in reversed(seen) if message.id)
    with listening(client, running, last_event_id=last.id) as stream:
        assert [message.event for message in stream.until(is_end)] == ["job", "end"]


def test_an_overwritten_point_is_sent_again(client: httpx.Client, running: Running) -> None:
    running.log(1, 2)
    with listening(client, running) as stream:
        stream.until(at_step(2))
        running.log(2, value=10.0)
        assert stream.until(at_step(2))[-1].data["values"] == {"train/loss": 20.0}


def test_metrics_of_one_step_are_one_message(client: httpx.Client, running: Running) -> None:
    now = datetime.now(UTC)
    with write(running.engine) as session:
        jobs.record_points(
            session,
            running.id,
            running.attempt,
            [
                jobs.Point("a", 1, math.nan, now),
                jobs.Point("b", 1, -math.inf, now),
                jobs.Point("c", 1, 0.5, now),
            ],
        )
    with listening(client, running) as stream:
        message = stream.until(at_step(1))[-1]
    assert message.data["values"] == {"a": "nan", "b": "-inf", "c": 0.5}
    running.log(2)
    with listening(client, running, last_event_id=message.id) as stream:
        assert steps(stream.until(at_step(2))) == [2], "metrics of step 1 came twice"


def test_a_checkpoint_is_sent_before_its_event(
    client: httpx.Client, running: Running, engine: Engine
) -> None:
    with listening(client, running) as stream:
        stream.until(lambda message: message.event == "job")
        with write(engine) as session:
            checkpoint = make_checkpoint(session, running.claim, step=7).id
        seen = stream.until(lambda message: message.event == "event" and message.data["type"] == "checkpoint")
    assert [message.data["id"] for message in seen if message.event == "checkpoint"] == [checkpoint]


def test_a_slow_client_does_not_delay_the_others(client: httpx.Client, running: Running) -> None:
    with listening(client, running) as slow, listening(client, running) as other:
        for start in range(1, 3001, 100):
            running.log(*range(start, start + 100))
        assert steps(other.until(at_step(3000))) == list(range(1, 3001))
        running.finish()
        assert steps(slow.until(is_end)) == list(range(1, 3001))


def test_invalid_event_ids_are_refused(client: httpx.Client, running: Running) -> None:
    for wrong in ("nonsense", "m1", "m-1.e1", "m1.e" + "9" * 30):
        answer = client.get(f"/v1/jobs/{running.id}/stream", headers={"Last-Event-ID": wrong})
        problem(answer, 422, "invalid_cursor", "last_event_id")


def test_a_comment_is_sent_if_nothing_else_is(
    client: httpx.Client, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.stream.HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr("api.stream.LOOK_SECONDS", 0.02)
    with client.stream("GET", f"/v1/jobs/{running.id}/stream") as response:
        assert any(line.startswith(":") for line in response.iter_lines())


class TestRedisAway:
    @pytest.fixture
    def own_valkey(self, server_directory: Path) -> Iterator[Valkey]:
        server = Valkey(server_directory / "valkey-of-streams", durable=False)
        server.start()
        yield server
        server.stop()

    @pytest.fixture
    def server_settings(
        self, environment: Settings, own_valkey: Valkey, monkeypatch: pytest.MonkeyPatch
    ) -> Iterator[Settings]:
        monkeypatch.setenv("REDIS_URL", own_valkey.url)
        monkeypatch.setattr("api.stream.LOOK_SECONDS", 3600)
        monkeypatch.setattr("api.stream.DISCONNECTED_LOOK_SECONDS", 0.3)
        settings.cache_clear()
        broker().close()
        broker.cache_clear()
        yield settings()
        broker().close()
        broker.cache_clear()
        settings.cache_clear()

    def test_nothing_is_lost_while_redis_is_unreachable(
        self, client: httpx.Client, running: Running, own_valkey: Valkey
    ) -> None:
        with listening(client, running) as stream:
            running.log(1)
            seen = stream.until(at_step(1))
            own_valkey.stop()
            running.log(2)
            running.log(3)
            seen += stream.until(at_step(3))
            own_valkey.start()
            broker().live.flushall()
            running.log(4)
            seen += stream.until(at_step(4))
            broker().live.flushall()
            for step in range(5, 30):
                running.log(step)
            running.finish()
            seen += stream.until(is_end)
        assert steps(seen) == list(range(1, 30))


def test_streams_end_when_the_process_stops(
    running: Running,
    environment: Settings,
    project_id: str,
    api_keys: Keys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    headers = {"Authorization": f"Bearer {api_keys.make(project_id, 'read')}"}
    # With timeouts longer than the test: the server stops only if the stream is woken and ends by itself.
    monkeypatch.setattr("api.main._DATE_SECONDS", 3600)
    with listen("127.0.0.1", 0) as listening_socket:
        server = Server(create_app(environment), grace_seconds=3600)
        thread = threading.Thread(target=server.run, args=[[listening_socket]])
        thread.start()
        url = f"http://127.0.0.1:{listening_socket.getsockname()[1]}/v1/jobs/{running.id}/stream"
        with httpx.stream("GET", url, headers=headers, timeout=30) as response:
            stream = Stream(response)
            stream.until(lambda message: message.event == "job")
            server.end()
            assert "end" not in [message.event for message in stream]
        thread.join()


def test_all_points_of_a_job_are_an_event_file(client: httpx.Client, running: Running) -> None:
    running.log(*range(1, 6_001))  # more than one page of points
    answer = client.get(f"/v1/jobs/{running.id}/tensorboard")
    assert answer.status_code == 200
    assert 'filename="events.out.tfevents.' in answer.headers["content-disposition"]
    points = list(read_scalars(io.BytesIO(answer.content)))
    assert [(point.name, point.step, point.value) for point in points] == [
        ("train/loss", step, float(step)) for step in range(1, 6_001)
    ]
    missing = client.get("/v1/jobs/job_01aaaaaaaaaaaaaaaaaaaaaaaa/tensorboard")
    assert (missing.status_code, missing.json()["code"]) == (404, "job_not_found")
