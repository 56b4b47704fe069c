"""The same POST twice creates once."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import Engine, func, select, text

from control.datasets.models import Dataset
from control.db import read, write
from control.idempotency import service
from control.idempotency.models import IdempotentAnswer
from tests.api.conftest import Keys, problem
from tests.factories import make_checkpoint, make_running, make_spec


def datasets(engine: Engine) -> int:
    with read(engine) as session:
        return session.scalar(select(func.count()).select_from(Dataset)) or 0


def test_a_repeated_request_gets_the_first_response(client: httpx.Client, engine: Engine) -> None:
    headers = {"Idempotency-Key": "one"}
    first = client.post("/v1/datasets", json={"name": "x"}, headers=headers)
    again = client.post("/v1/datasets", json={"name": "x"}, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert datasets(engine) == 1


def test_another_body_or_route_under_the_same_key_is_refused(client: httpx.Client, engine: Engine) -> None:
    headers = {"Idempotency-Key": "one"}
    client.post("/v1/datasets", json={"name": "x"}, headers=headers)
    problem(
        client.post("/v1/datasets", json={"name": "y"}, headers=headers),
        422,
        "idempotency_mismatch",
        "Idempotency-Key",
    )
    assert datasets(engine) == 1


def test_projects_have_separate_idempotency_keys(client: httpx.Client, stranger: httpx.Client) -> None:
    headers = {"Idempotency-Key": "one"}
    mine = client.post("/v1/datasets", json={"name": "x"}, headers=headers).json()
    theirs = stranger.post("/v1/datasets", json={"name": "x"}, headers=headers)
    assert theirs.status_code == 201
    assert theirs.json()["id"] != mine["id"]


def test_a_failed_request_may_be_corrected_under_the_same_key(
    client: httpx.Client, engine: Engine, project_id: str
) -> None:
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id)
        dataset_id = job.dataset_id
        make_checkpoint(session, claim, step=10)
    headers = {"Idempotency-Key": "one"}
    spec = make_spec(dataset_id).model_dump(mode="json")
    absent = spec | {"dataset": "ds_" + "0" * 26}
    problem(client.post("/v1/jobs", json=absent, headers=headers), 404, "dataset_not_found", "dataset")
    first = client.post("/v1/jobs", json=spec, headers=headers)
    assert first.status_code == 201
    assert client.post("/v1/jobs", json=spec, headers=headers).json()["id"] == first.json()["id"]

    headers = {"Idempotency-Key": "two"}
    forks = [client.post(f"/v1/jobs/{job.id}/fork", json={}, headers=headers).json()["id"] for _ in "ab"]
    assert forks[0] == forks[1] != first.json()["id"]


def test_concurrent_requests_with_one_key_create_one_resource(client: httpx.Client, engine: Engine) -> None:
    def post(_: int) -> httpx.Response:
        return client.post("/v1/datasets", json={"name": "x"}, headers={"Idempotency-Key": "one"})

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(post, range(24)))
    created = {answer.json()["id"] for answer in answers if answer.status_code == 201}
    assert len(created) == 1
    for answer in answers:
        if answer.status_code != 201:
            problem(answer, 409, "idempotency_in_flight", "Idempotency-Key")
    assert datasets(engine) == 1


def test_a_second_request_does_not_wait_for_the_first(
    client: httpx.Client, engine: Engine, project_id: str
) -> None:
    once = service.IdempotentRequest("one", "POST /v1/datasets", "0" * 64)
    with write(engine) as session:
        once.answer(session, project_id, 201, lambda: {"id": "x"})
        answer = client.post("/v1/datasets", json={"name": "x"}, headers={"Idempotency-Key": "one"})
        problem(answer, 409, "idempotency_in_flight", "Idempotency-Key")


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\u00fc"])
def test_an_invalid_idempotency_key_is_refused(client: httpx.Client, key: str) -> None:
    answer = client.post("/v1/datasets", json={"name": "x"}, headers={"Idempotency-Key": key.encode()})
    problem(answer, 422, "invalid_idempotency_key", "Idempotency-Key")


def test_old_responses_are_deleted(client: httpx.Client, engine: Engine, api_keys: Keys) -> None:
    for key in ("old", "new"):
        client.post("/v1/datasets", json={"name": "x"}, headers={"Idempotency-Key": key})
    with write(engine) as session:
        session.execute(
            text("UPDATE idempotency SET created_at = created_at - interval '3 days' WHERE key = 'old'")
        )
        assert service.forget_old(session) == 1
        assert session.scalars(select(IdempotentAnswer.key)).all() == ["new"]
