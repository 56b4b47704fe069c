"""Access that must be refused: guessed keys, metrics, insecure cookies, facts of other projects, high priority, old secrets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, select

from api.throttle import Throttle, sign_in_names
from control.broker import Broker
from control.db import read, write
from control.errors import TooManyRequests
from control.jobs.submission import WRITERS_PRIORITY
from control.keys.models import ApiKey
from control.keys.secrets import SessionToken, digest
from control.projects import service as projects
from control.settings import Settings
from tests.api.conftest import Keys, problem
from tests.api.test_connections import PATIENT, serving
from tests.factories import make_dataset, make_job, make_running

WRONG = "sb_" + "x" * 43


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def by_proxy(address: str = "203.0.113.9", scheme: str = "https") -> dict[str, str]:
    """What a proxy on this machine, which is trusted, says of its client."""
    return {"X-Forwarded-For": address, "X-Forwarded-Proto": scheme}


@contextmanager
def served(settings: Settings, **changes: Any) -> Iterator[httpx.Client]:
    """A client of a server with other settings."""
    with (
        serving(settings.model_copy(update=changes), PATIENT) as url,
        httpx.Client(base_url=url, timeout=30) as client,
    ):
        yield client


class TestSignIn:
    def fail(self, client: httpx.Client, times: int, key: str = WRONG, **headers: str) -> None:
        for _ in range(times):
            problem(client.post("/v1/session", json={"key": key}, headers=headers), 401, "key_unknown")

    def test_sign_in_attempts_from_one_address_are_limited(
        self, anonymous: httpx.Client, api_keys: Keys, project_id: str
    ) -> None:
        for number in range(10):
            self.fail(anonymous, 1, f"sb_{number:08}" + "x" * 35)
        refused = anonymous.post("/v1/session", json={"key": "sb_" + "y" * 43})
        problem(refused, 429, "sign_in_throttled")
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        key = api_keys.make(project_id, "read")
        problem(anonymous.post("/v1/session", json={"key": key}), 429, "sign_in_throttled")
        elsewhere = anonymous.post("/v1/session", json={"key": key}, headers=by_proxy())
        assert elsewhere.status_code == 200
        assert anonymous.get("/v1/jobs", headers=bearer(key)).status_code == 200

    def test_sign_in_attempts_on_one_key_from_many_addresses_are_limited(
        self, anonymous: httpx.Client
    ) -> None:
        for number in range(10):
            self.fail(anonymous, 1, **by_proxy(f"203.0.113.{number}"))
        other_end = WRONG[:-1] + "y"
        answer = anonymous.post("/v1/session", json={"key": other_end}, headers=by_proxy("203.0.113.99"))
        problem(answer, 429, "sign_in_throttled")

    def test_successful_sign_ins_are_not_limited(
        self, anonymous: httpx.Client, api_keys: Keys, project_id: str
    ) -> None:
        key = api_keys.make(project_id, "read")
        for _ in range(25):
            assert anonymous.post("/v1/session", json={"key": key}).status_code == 200

    def test_an_ipv6_network_counts_as_one_address(self) -> None:
        first, second = (sign_in_names(f"2001:db8::{part}", WRONG) for part in ("1", "ffff:1"))
        assert first == second
        assert sign_in_names("2001:db8:1::1", WRONG) != first

    def test_no_key_is_kept_in_redis(self, anonymous: httpx.Client, test_broker: Broker) -> None:
        self.fail(anonymous, 1)
        for key in test_broker.live.keys("*"):
            assert WRONG[:11] not in str(key)

    def test_attempts_are_counted_in_the_process_while_redis_is_unreachable(
        self, environment: Settings
    ) -> None:
        nowhere = Broker(environment.model_copy(update={"redis_url": "redis://127.0.0.1:1/0"}))
        throttle = Throttle(nowhere, 3)
        for _ in range(3):
            throttle.attempt(["address:x"])
        with pytest.raises(TooManyRequests):
            throttle.attempt(["address:x"])
        throttle.attempt(["address:y"])
        throttle.forgive(["address:x"])
        throttle.forgive(["address:x"])
        throttle.attempt(["address:x"])


class TestMetrics:
    def test_metrics_without_a_token_are_served_to_local_clients_only(self, anonymous: httpx.Client) -> None:
        assert anonymous.get("/metrics").status_code == 200
        problem(anonymous.get("/metrics", headers=by_proxy()), 403, "metrics_closed")
        for header in ("X-Real-IP", "Forwarded", "Via"):
            problem(anonymous.get("/metrics", headers={header: "x"}), 403, "metrics_closed")

    def test_metrics_are_served_to_clients_with_the_token(
        self, engine: Engine, environment: Settings
    ) -> None:
        with served(environment, metrics_token=SecretStr("a token of metrics")) as client:
            for headers in ({}, bearer("another token of metrics")):
                problem(client.get("/metrics", headers=headers), 401, "metrics_token_missing")
            told = client.get("/metrics", headers=bearer("a token of metrics") | by_proxy())
            assert told.status_code == 200


class TestCookies:
    def cookie(self, client: httpx.Client, key: str, **headers: str) -> str:
        answer = client.post("/v1/session", json={"key": key}, headers=headers)
        return answer.headers["set-cookie"].lower()

    def test_the_cookie_is_secure_if_the_request_came_over_https(
        self, anonymous: httpx.Client, api_keys: Keys, project_id: str
    ) -> None:
        key = api_keys.make(project_id, "read")
        assert "secure" in self.cookie(anonymous, key, **by_proxy())
        assert "secure" not in self.cookie(anonymous, key, **by_proxy(scheme="http"))
        out = anonymous.delete("/v1/session", headers=by_proxy()).headers["set-cookie"].lower()
        assert "secure" in out

    def test_headers_of_a_proxy_that_is_not_trusted_are_ignored(
        self, engine: Engine, environment: Settings, api_keys: Keys, project_id: str
    ) -> None:
        key = api_keys.make(project_id, "read")
        with served(environment, trusted_proxies="192.0.2.0/24") as client:
            assert "secure" not in self.cookie(client, key, **by_proxy())
            for number in range(11):
                answer = client.post(
                    "/v1/session", json={"key": WRONG}, headers=by_proxy(f"203.0.113.{number}")
                )
        problem(answer, 429, "sign_in_throttled")


def test_an_admin_of_a_project_sees_only_the_state_of_that_project(
    client: httpx.Client, stranger: httpx.Client, engine: Engine, project_id: str
) -> None:
    with write(engine) as session:
        make_running(session, project_id=project_id)
        make_job(session, project_id)
        make_job(session, projects.ensure(session, "another").id)
    everywhere, own = (each.get("/v1/system").json() for each in (client, stranger))
    assert everywhere["scope"] == "service"
    assert (everywhere["queue"]["queued"], everywhere["queue"]["running"]) == (2, 1)
    assert everywhere["database_bytes"] > 0
    assert everywhere["storage"]["free_bytes"] > 0
    assert own["scope"] == "project"
    assert (own["queue"]["queued"], own["queue"]["running"]) == (1, 0)
    assert own["workers"] == {"online": 1, "busy": 0}
    for name in ("leader", "database_bytes", "stream_listeners", "metrics_lag_seconds"):
        assert own[name] is None, name
    assert own["storage"] == {"state": "ok", "free_bytes": None}


class TestPriority:
    def spec(self, dataset: str, priority: int) -> dict[str, Any]:
        return {
            "name": "urgent",
            "dataset": dataset,
            "task": {"kind": "masked_lm"},
            "model": {"preset": "bert-tiny"},
            "training": {"steps": 10, "batch_size": 8, "sequence_length": 64},
            "priority": priority,
        }

    def test_a_priority_above_the_limit_needs_an_admin_key(
        self, anonymous: httpx.Client, client: httpx.Client, engine: Engine, api_keys: Keys, project_id: str
    ) -> None:
        with write(engine) as session:
            dataset = make_dataset(session, project_id)
        writer = bearer(api_keys.make(project_id, "write"))
        refused = anonymous.post("/v1/jobs", json=self.spec(dataset, WRITERS_PRIORITY + 1), headers=writer)
        assert str(WRITERS_PRIORITY) in problem(refused, 403, "priority_needs_admin", "priority")["detail"]
        said = anonymous.post("/v1/jobs/validate", json=self.spec(dataset, 100), headers=writer).json()
        assert [error["code"] for error in said["errors"]] == ["priority_needs_admin"]
        for headers, priority in ((writer, WRITERS_PRIORITY), (dict(client.headers), 100)):
            answer = anonymous.post("/v1/jobs", json=self.spec(dataset, priority), headers=headers)
            assert answer.status_code == 201, answer.text

    def test_the_priority_limit_holds_for_a_fork_too(
        self, anonymous: httpx.Client, client: httpx.Client, checkpoint: Any, api_keys: Keys, project_id: str
    ) -> None:
        job = client.get(f"/v1/checkpoints/{checkpoint.id}").json()["job"]
        writer = bearer(api_keys.make(project_id, "write"))
        refused = anonymous.post(f"/v1/jobs/{job}/fork", json={"changes": {"priority": 99}}, headers=writer)
        problem(refused, 403, "priority_needs_admin", "priority")


class TestSecretRotation:
    NEW = "another secret of thirty-two characters"

    def test_keys_and_sessions_made_before_stay_valid(
        self, engine: Engine, environment: Settings, api_keys: Keys, project_id: str
    ) -> None:
        key = api_keys.make(project_id, "read")
        old = environment.secret.get_secret_value()
        cookie = SessionToken(api_keys.made[key], 2**32).sign(old)
        rotated = {
            "secret": SecretStr(self.NEW),
            "previous_secrets": (SecretStr("-" * 32), environment.secret),
        }

        def stored() -> bytes:
            with read(engine) as session:
                return session.scalars(select(ApiKey.digest).where(ApiKey.id == api_keys.made[key])).one()

        with served(environment, **rotated) as client:
            assert client.get("/v1/jobs", headers={"Cookie": f"seedbed_session={cookie}"}).status_code == 200
            assert stored() == digest(key, old)
            assert client.get("/v1/jobs", headers=bearer(key)).status_code == 200
            assert stored() == digest(key, self.NEW)
            assert client.post("/v1/session", json={"key": key}).status_code == 200
            new_cookie = client.cookies["seedbed_session"]
        assert SessionToken.verify(new_cookie, self.NEW) is not None
        assert SessionToken.verify(new_cookie, old) is None
        with served(environment, secret=SecretStr(self.NEW)) as client:
            assert client.get("/v1/jobs", headers=bearer(key)).status_code == 200
            answer = client.get("/v1/jobs", headers={"Cookie": f"seedbed_session={cookie}"})
            problem(answer, 401, "session_expired")

    def test_several_secrets_can_be_configured(
        self, environment: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SEEDBED_SECRET_PREVIOUS", f"{'a' * 32}, {'b' * 32}")
        assert Settings().secrets[1:] == ("a" * 32, "b" * 32)
        monkeypatch.setenv("SEEDBED_SECRET_PREVIOUS", "")
        assert len(Settings().secrets) == 1
