"""A worker's line of predictions and the API's side of it, when Redis loses what it has."""

import queue
from collections.abc import Iterator
from typing import Any

import pytest

from api import predictions as predictions_module
from api.predictions import Predictions
from control.broker import Broker
from control.errors import SeedbedError
from control.predictions.channel import Presence, presence_key, unanswered_key
from control.predictions.request import PredictionRequest
from control.settings import Settings
from tests.worker.conftest import eventually
from worker.predictions.line import Line

WORKER = "wrk_1"
REQUEST = PredictionRequest(
    id="prd_1",
    project_id="prj_1",
    checkpoint_id="ckpt_1",
    job_id=None,
    step=1,
    prefix="jobs/job_1",
    files=(),
    kind="embed",
    options={},
    text="a",
    content=None,
    dataset=(),
    seconds=600.0,
)
"""Far more seconds than a test has: nothing here may end by the time limit."""

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _soon_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions_module, "MISSING_SECONDS", 1.5)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def taken() -> "queue.SimpleQueue[Any]":
    """What the line has given to the worker."""
    return queue.SimpleQueue()


@pytest.fixture
def line(environment: Settings, test_broker: Broker, taken: "queue.SimpleQueue[Any]") -> Iterator[Line]:
    line = Line(environment.redis_url, lambda: WORKER, taken.put, list)
    eventually(lambda: test_broker.live.exists(presence_key(WORKER)), "a sign of the worker")
    yield line
    line.stop()


async def test_requests_that_a_worker_has_outlast_a_loss_of_all_data(
    environment: Settings, test_broker: Broker, line: Line, taken: "queue.SimpleQueue[Any]"
) -> None:
    live, marked = test_broker.live, unanswered_key(line.incarnation)
    predictions = Predictions(environment)
    answer = await predictions.join(REQUEST)
    assert taken.get() == REQUEST
    messages = answer.messages()
    assert await anext(messages) is None
    live.flushall()
    eventually(lambda: live.hget(marked, REQUEST.id) == REQUEST.project_id, "the mark of the request")
    assert await anext(messages) is None
    line.finish(REQUEST.id, {"event": "result", "values": {}})
    while (message := await anext(messages)) is None:
        pass
    assert message == {"event": "result", "values": {}}
    assert [rest async for rest in messages] == []
    assert not live.hlen(marked)
    presence = presence_key(WORKER)
    live.delete(presence)
    eventually(lambda: live.exists(presence), "the next sign")
    assert not live.hlen(marked), "an answered request is not marked again"
    await predictions.close()


async def test_a_lost_answer_ends_the_request_before_its_time_is_over(
    environment: Settings, test_broker: Broker, line: Line, taken: "queue.SimpleQueue[Any]"
) -> None:
    predictions = Predictions(environment)
    answer = await predictions.join(REQUEST)
    assert taken.get() == REQUEST
    line.finish(REQUEST.id, {"event": "result", "values": {}})
    test_broker.live.flushall()
    with pytest.raises(SeedbedError, match="Try again") as lost:
        [message async for message in answer.messages()]
    assert lost.value.code == "prediction_lost"
    assert taken.get() == REQUEST.id, "the worker is told to end it"
    await predictions.close()


async def test_a_request_that_no_worker_had_taken_is_lost_with_redis_data(
    environment: Settings, test_broker: Broker
) -> None:
    presence = Presence(WORKER, "of a worker that takes nothing", [], 0)
    predictions = Predictions(environment)

    def show() -> None:
        test_broker.live.set(presence_key(WORKER), presence.dump())
        test_broker.live.sadd("seedbed:predictions:workers", WORKER)

    show()
    answer = await predictions.join(REQUEST)
    test_broker.live.flushall()
    show()
    with pytest.raises(SeedbedError) as lost:
        [message async for message in answer.messages()]
    assert lost.value.code == "prediction_lost"
    await predictions.close()


async def test_a_request_is_cancelled_although_the_worker_had_not_taken_it(
    environment: Settings, test_broker: Broker
) -> None:
    presence = Presence(WORKER, "x", [], 0)
    test_broker.live.set(presence_key(WORKER), presence.dump())
    test_broker.live.sadd("seedbed:predictions:workers", WORKER)
    predictions = Predictions(environment)
    messages = (await predictions.join(REQUEST)).messages()
    assert await anext(messages) is None
    await messages.aclose()
    found = test_broker.live.lrange("seedbed:predictions:line:x", 0, -1)
    assert ["cancel" if '"cancel"' in entry else "request" for entry in found] == ["request", "cancel"]
    await predictions.close()
