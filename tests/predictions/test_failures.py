"""What happens to a prediction when something ends, disappears, or is too much: a clear answer, and the next one works."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import pytest
from sqlalchemy import text

from control.broker import broker
from control.db import write
from control.predictions.channel import LOADING_IS_WORTH, Presence, unanswered_key
from tests.factories import make_project
from tests.predictions.conftest import Service, events_of, predictor
from tests.worker.conftest import Tree, eventually

LONG = {"kind": "continue", "text": "The", "options": {"max_tokens": 1024, "temperature": 5, "top_k": 0}}
"""The text ends at the network's length."""


@pytest.fixture(scope="module")
def worker(service: Service) -> Iterator[Tree]:
    """A worker that the tests of this module may harm, with a short line; the path of slow requests is stopped by a signal."""
    with service.bench.worker(engine="core") as tree:
        eventually(service.bench_workers, "a worker for predictions")
        service.checkpoint("causal_lm")
        service.checkpoint("masked_lm")
        yield tree


@pytest.fixture
def model(service: Service, worker: Tree) -> Iterator[Any]:
    """The process with the models, which has computed something and computes nothing now."""
    answer = service.predict(service.checkpoint("causal_lm"), text="The", options={"max_tokens": 1})
    assert answer.status_code == 200, answer.text
    found = eventually(lambda: predictor(worker), "the process with the models")
    eventually(lambda: unanswered() == 0, "an empty line")
    yield found
    with contextlib.suppress(psutil.NoSuchProcess):
        found.resume()


def in_background(call: Any) -> tuple[threading.Thread, list[Any]]:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(call()))
    thread.start()
    return thread, found


def test_a_killed_model_process_is_told_and_started_again(service: Service, model: Any, worker: Tree) -> None:
    checkpoint = service.checkpoint("causal_lm")
    model.suspend()
    thread, found = in_background(lambda: service.predict(checkpoint, text="The"))
    eventually(lambda: unanswered() == 1, "the request in the line")
    model.kill()
    thread.join()
    assert found[0].status_code == 503
    assert found[0].json()["code"] == "prediction_lost"
    again = service.predict(checkpoint, text="The", options={"max_tokens": 2})
    assert again.status_code == 200
    assert again.json()["cold"] is True
    assert worker.process.poll() is None


def test_a_killed_supervisor_is_told_and_the_next_one_answers(
    service: Service, model: Any, worker: Tree
) -> None:
    checkpoint = service.checkpoint("causal_lm")
    model.suspend()
    thread, found = in_background(lambda: service.stream(checkpoint, text="The"))
    eventually(lambda: unanswered() == 1, "the request in the line")
    worker.supervisor.kill()
    thread.join()
    event, problem = found[0][-1]
    assert (event, problem["code"], problem["status"]) == ("error", "prediction_lost", 503)

    def answers() -> bool:
        return service.predict(checkpoint, text="The", options={"max_tokens": 1}).status_code == 200

    eventually(answers, "an answer of the next supervisor")


def test_a_client_that_leaves_ends_the_computation(service: Service, model: Any) -> None:
    checkpoint = service.checkpoint("causal_lm")
    model.suspend()
    with service.client.stream(
        "POST", f"/v1/checkpoints/{checkpoint}/predict", json={**LONG, "stream": True}
    ) as response:
        assert response.status_code == 200
        eventually(lambda: unanswered() == 1, "the request in the line")
    # Its connection is closed; only now the model may compute.
    model.resume()
    eventually(lambda: unanswered() == 0, "the end of the request")


def test_too_many_requests_are_refused_with_their_place(service: Service, model: Any) -> None:
    checkpoint = service.checkpoint("causal_lm")
    share = service.bench.settings.predict_line * 3 // 4
    model.suspend()
    one = {"text": "The", "options": {"max_tokens": 1}}
    with ThreadPoolExecutor(share) as pool:
        waiting = [pool.submit(service.predict, checkpoint, **one) for _ in range(share)]
        eventually(lambda: unanswered() == share, "a full line")
        refused = service.predict(checkpoint, **one)
        # Another project still gets a place, and is told how many are before it.
        with write(service.bench.database) as session:
            other = make_project(session)
        theirs = httpx.Client(
            base_url=service.url, headers={"Authorization": f"Bearer {service.key(other)}"}, timeout=90
        )
        model.resume()
        answers = [one.result() for one in waiting]
    theirs.close()
    assert refused.status_code == 429
    assert refused.json()["code"] == "predictions_busy"
    params = refused.json()["params"]
    assert params == {"place": share, "limit": share, "seconds": int(refused.headers["Retry-After"])}
    assert int(refused.headers["Retry-After"]) > 0
    assert {answer.status_code for answer in answers} == {200}


def test_a_waiting_request_is_told_its_place(service: Service, model: Any) -> None:
    checkpoint = service.checkpoint("causal_lm")
    at_once = service.bench.settings.predict_at_once
    model.suspend()
    one = {"text": "The", "options": {"max_tokens": 1}}
    with ThreadPoolExecutor(at_once) as pool:
        before = [pool.submit(service.predict, checkpoint, **one) for _ in range(at_once)]
        eventually(lambda: unanswered() == at_once, "a busy worker")
        with service.client.stream(
            "POST", f"/v1/checkpoints/{checkpoint}/predict", json={**one, "stream": True}
        ) as response:
            events = events_of(response)
            assert next(events) == ("place", {"ahead": at_once})
            model.resume()
            assert list(events)[-1][0] == "result"
        assert {one.result().status_code for one in before} == {200}


def test_what_is_too_much_for_one_worker_goes_to_another(service: Service, model: Any) -> None:
    checkpoint = service.checkpoint("causal_lm")
    one = {"text": "The", "options": {"max_tokens": 1}}
    with service.bench.worker(engine="core") as second, ThreadPoolExecutor(16) as pool:
        eventually(lambda: service.bench_workers() == 2, "both workers")
        model.suspend()
        waiting = []
        try:
            # The worker that has the model loaded is preferred until its line is this much longer than the other's.
            for number in range(1, LOADING_IS_WORTH + 2):
                waiting.append(pool.submit(service.predict, checkpoint, **one))
                eventually(lambda: unanswered() == number, "a request in the line")  # noqa: B023 - called at once
            assert service.predict(checkpoint, **one).json()["cold"] is True
            assert predictor(second)
            assert unanswered() == len(waiting)
        finally:
            model.resume()
        assert {one.result().status_code for one in waiting} == {200}
    # Not to wait until the sign of the killed worker has expired.
    broker().live.flushall()
    eventually(service.bench_workers, "the next sign of the first worker")


def test_another_projects_checkpoint_does_not_exist(service: Service, model: Any) -> None:
    with write(service.bench.database) as session:
        other = make_project(session)
    answer = httpx.post(
        f"{service.url}/v1/checkpoints/{service.checkpoint('causal_lm')}/predict",
        json={"text": "The"},
        headers={"Authorization": f"Bearer {service.key(other)}"},
    )
    assert answer.status_code == 404
    assert answer.json()["code"] == "checkpoint_not_found"


def test_redis_that_lost_everything_is_told(service: Service, model: Any) -> None:
    checkpoint = service.checkpoint("causal_lm")
    model.suspend()
    thread, found = in_background(lambda: service.predict(checkpoint, text="The"))
    eventually(lambda: unanswered() == 1, "the request in the line")
    broker().live.flushall()
    model.resume()
    thread.join()
    # The answer is written after the loss, or the worker's sign was missed once.
    assert found[0].status_code in {200, 503}
    eventually(service.bench_workers, "a new sign of the worker")
    assert service.predict(checkpoint, text="The", options={"max_tokens": 1}).status_code == 200


def test_a_deleted_checkpoint_does_not_answer_although_it_is_loaded(service: Service, model: Any) -> None:
    checkpoint = service.checkpoint("masked_lm")
    assert service.predict(checkpoint, text="a [MASK]").status_code == 200
    with write(service.bench.database) as session:
        job = session.execute(
            text("SELECT job_id FROM checkpoints WHERE id = :id"), {"id": checkpoint}
        ).scalar_one()
    assert service.client.delete(f"/v1/checkpoints/{checkpoint}").status_code == 204, job
    service.made.pop("masked_lm")
    assert service.predict(checkpoint, text="a [MASK]").status_code == 404


def unanswered() -> int:
    """Requests that the workers which are there have not answered yet."""
    live = broker().live
    found = [live.get(key) for key in live.scan_iter("seedbed:predictions:worker:*")]
    return sum(int(live.hlen(unanswered_key(Presence.parse(one).incarnation))) for one in found if one)


def test_without_a_worker_the_answer_says_so(service: Service, worker: Tree) -> None:
    """The last test of the module: it ends the worker."""
    checkpoint = service.checkpoint("causal_lm")
    worker.process.terminate()
    worker.process.wait()
    answer = service.predict(checkpoint, text="The")
    assert answer.status_code == 503
    assert answer.json()["code"] == "no_prediction_worker"
    assert "Retry-After" in answer.headers
