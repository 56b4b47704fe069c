"""Authentication and authorization: keys, scopes, sessions, and the isolation of projects."""

import re
from datetime import UTC, datetime

import httpx
import pytest
from sqlalchemy import Engine, select, update

from control.db import read, write
from control.keys.models import ApiKey
from control.keys.secrets import SessionToken
from control.lineages.schemas import PlannedLineageIn
from control.lineages.service import plan
from control.samples.service import commit_sample
from control.settings import Settings
from control.short_jobs import service as short_jobs
from control.short_jobs.kinds.estimate import KIND as ESTIMATE
from control.short_jobs.kinds.estimate import EstimateOptions
from control.short_jobs.kinds.evaluation import KIND as EVALUATION
from control.short_jobs.kinds.evaluation import EvaluationIn
from control.short_jobs.kinds.export import KIND as EXPORT
from control.short_jobs.kinds.export import ExportIn
from control.short_jobs.kinds.preview import KIND as PREVIEW
from control.short_jobs.kinds.preview import PreviewOptions
from tests.api.conftest import Keys, problem
from tests.factories import make_checkpoint, make_dataset, make_running, make_spec

CSRF = {"X-Seedbed-Csrf": "1"}
NO_RESOURCES = {"kind", "name", "path"}
"""Parameters of paths that name something every project has, or a file of a resource that the path names too."""


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_request_without_a_key_is_refused(anonymous: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Basic dXNlcjp4"}, {"Authorization": "Bearer"}):
        answer = anonymous.get("/v1/jobs", headers=headers)
        problem(answer, 401, "key_missing")
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_an_unknown_key_is_refused(anonymous: httpx.Client) -> None:
    for key in ("sb_" + "x" * 43, "sb_\u00fc", "nonsense"):
        problem(
            anonymous.get("/v1/jobs", headers={"Authorization": f"Bearer {key}".encode()}), 401, "key_unknown"
        )


def test_each_scope_includes_the_lower_ones(anonymous: httpx.Client, project_id: str, api_keys: Keys) -> None:
    reader, writer, admin = (bearer(api_keys.make(project_id, scope)) for scope in ("read", "write", "admin"))
    asks = {
        "read": lambda headers: anonymous.get("/v1/datasets", headers=headers),
        "write": lambda headers: anonymous.post("/v1/datasets", json={"name": "x"}, headers=headers),
        "admin": lambda headers: anonymous.get("/v1/keys", headers=headers),
    }
    for ask in asks.values():
        assert ask(admin).is_success
    assert asks["read"](writer).is_success
    assert asks["write"](writer).is_success
    assert asks["read"](reader).is_success
    for headers, scope in ((reader, "write"), (reader, "admin"), (writer, "admin")):
        refused = problem(asks[scope](headers), 403, "scope_missing")
        assert scope in refused["detail"]


def test_a_key_is_shown_once_and_stored_as_a_digest(
    client: httpx.Client, anonymous: httpx.Client, engine: Engine
) -> None:
    made = client.post("/v1/keys", json={"name": "laptop", "scopes": ["read"]})
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith("sb_")
    assert secret.endswith(made.json()["hint"])
    assert anonymous.get("/v1/jobs", headers=bearer(secret)).status_code == 200
    listed = client.get("/v1/keys")
    assert secret not in listed.text
    assert made.json()["id"] in [key["id"] for key in listed.json()["data"]]
    with read(engine) as session:
        rows = session.execute(select(ApiKey.__table__)).all()
    assert secret not in str(rows)


def test_a_revoked_key_is_refused_at_once(client: httpx.Client, anonymous: httpx.Client) -> None:
    made = client.post("/v1/keys", json={"name": "x"}).json()
    headers = bearer(made["secret"])
    assert anonymous.get("/v1/jobs", headers=headers).status_code == 200
    assert client.delete(f"/v1/keys/{made['id']}").status_code == 204
    assert client.delete(f"/v1/keys/{made['id']}").status_code == 204
    problem(anonymous.get("/v1/jobs", headers=headers), 401, "key_revoked")
    problem(anonymous.post("/v1/session", json={"key": made["secret"]}), 401, "key_revoked")
    listed = {key["id"]: key for key in client.get("/v1/keys").json()["data"]}
    assert listed[made["id"]]["revoked_at"] is not None


def test_last_used_at_is_written_at_most_once_a_minute(
    anonymous: httpx.Client, project_id: str, api_keys: Keys, engine: Engine
) -> None:
    key = api_keys.make(project_id, "read")

    def used_at() -> datetime | None:
        with read(engine) as session:
            return session.scalar(select(ApiKey.last_used_at).where(ApiKey.id == api_keys.made[key]))

    assert used_at() is None
    anonymous.get("/v1/jobs", headers=bearer(key))
    first = used_at()
    assert first is not None
    assert abs((datetime.now(UTC) - first).total_seconds()) < 30
    anonymous.get("/v1/jobs", headers=bearer(key))
    assert used_at() == first


class TestSession:
    def test_a_key_becomes_a_cookie_that_scripts_cannot_read(
        self, anonymous: httpx.Client, project_id: str, api_keys: Keys
    ) -> None:
        key = api_keys.make(project_id, "write")
        opened = anonymous.post("/v1/session", json={"key": key})
        assert opened.status_code == 200
        assert opened.json()["project"]["id"] == project_id
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert "secure" not in cookie
        assert key not in opened.text + cookie

        me = anonymous.get("/v1/session").json()
        assert me["key"]["id"] == api_keys.made[key]
        assert me["expires_at"] is not None
        assert anonymous.get("/v1/datasets").status_code == 200
        problem(anonymous.post("/v1/datasets", json={"name": "x"}), 403, "csrf_missing")
        assert anonymous.post("/v1/datasets", json={"name": "x"}, headers=CSRF).status_code == 201
        problem(anonymous.get("/v1/keys"), 403, "scope_missing")

        assert anonymous.delete("/v1/session").status_code == 204
        problem(anonymous.get("/v1/datasets"), 401, "key_missing")

    def test_a_session_ends_with_its_key(
        self, client: httpx.Client, anonymous: httpx.Client, project_id: str, api_keys: Keys
    ) -> None:
        key = api_keys.make(project_id, "read")
        anonymous.post("/v1/session", json={"key": key})
        assert anonymous.get("/v1/jobs").status_code == 200
        client.delete(f"/v1/keys/{api_keys.made[key]}")
        problem(anonymous.get("/v1/jobs"), 401, "key_revoked")

    def test_a_forged_or_old_cookie_is_refused(
        self, anonymous: httpx.Client, client: httpx.Client, environment: Settings
    ) -> None:
        key_id = client.get("/v1/session").json()["key"]["id"]
        secret = environment.secret.get_secret_value()
        genuine = SessionToken(key_id, 2**32).sign(secret)
        payload, _, signature = genuine.partition(".")
        other_payload = SessionToken(key_id, 2**33).sign(secret).partition(".")[0]
        forged = [
            SessionToken(key_id, 2**32).sign("another secret of thirty-two characters"),
            SessionToken(key_id, 1_700_000_000).sign(secret),
            f"{other_payload}.{signature}",
            f"{payload}.",
            payload,
            "x.y",
            "%00",
        ]
        for cookie in forged:
            answer = anonymous.get("/v1/jobs", headers={"Cookie": f"seedbed_session={cookie}"})
            problem(answer, 401, "session_expired")
        honest = anonymous.get("/v1/jobs", headers={"Cookie": f"seedbed_session={genuine}"})
        assert honest.status_code == 200

    def test_a_key_in_the_header_takes_precedence_over_the_cookie(
        self, anonymous: httpx.Client, project_id: str, api_keys: Keys
    ) -> None:
        anonymous.post("/v1/session", json={"key": api_keys.make(project_id, "admin")})
        reader = api_keys.make(project_id, "read")
        problem(anonymous.get("/v1/keys", headers=bearer(reader)), 403, "scope_missing")


class TestBehindHttps:
    @pytest.fixture
    def server_settings(self, environment: Settings) -> Settings:
        return environment.model_copy(update={"secure_cookies": True})

    def test_the_cookie_is_secure_over_https(
        self, anonymous: httpx.Client, project_id: str, api_keys: Keys
    ) -> None:
        opened = anonymous.post("/v1/session", json={"key": api_keys.make(project_id, "read")})
        assert "secure" in opened.headers["set-cookie"].lower()


class TestOtherProjects:
    @pytest.fixture
    def theirs(self, client: httpx.Client, engine: Engine, project_id: str, api_keys: Keys) -> dict[str, str]:
        """One resource of each kind, in the default project."""
        with write(engine) as session:
            job, claim = make_running(session, project_id=project_id)
            checkpoint = make_checkpoint(session, claim, step=10)
            spec = make_spec(job.dataset_id)
            short = {
                "estimate": short_jobs.create_from_spec(
                    session, ESTIMATE, project_id, spec, EstimateOptions(largest_batch=False)
                ),
                "preview": short_jobs.create_from_spec(
                    session, PREVIEW, project_id, spec, PreviewOptions(samples=2, step=1)
                ),
                "export": short_jobs.create_from_checkpoint(
                    session, EXPORT, project_id, checkpoint.id, ExportIn(format="onnx")
                ),
                "evaluation": short_jobs.create_from_checkpoint_and_data(
                    session, EVALUATION, project_id, EvaluationIn(checkpoint=checkpoint.id)
                ),
            }
            sample = commit_sample(
                session,
                job.id,
                claim.attempt,
                step=10,
                name="text",
                media_type="text/plain",
                size=1,
                sha256="a" * 64,
                object_key=f"jobs/{job.id}/attempt-1/samples/text",
            )
            datasets = [make_dataset(session, project_id) for _ in range(2)]
            stage = {
                "name": "stages",
                "task": {"kind": "masked_lm"},
                "model": {"preset": "bert-tiny"},
                "training": {"steps": 100, "batch_size": 8, "sequence_length": 64},
            }
            lineage = plan(
                session, project_id, PlannedLineageIn(spec=stage, datasets=datasets), by_admin=False
            )
            return {
                "job": job.id,
                "dataset": job.dataset_id,
                "checkpoint": checkpoint.id,
                "lineage": lineage.id,
                "sample": sample.id,
                "key": api_keys.made[client.headers["authorization"].removeprefix("Bearer ")],
                **{kind: row.id for kind, row in short.items()},
            }

    def test_resources_of_another_project_are_not_found(
        self, stranger: httpx.Client, client: httpx.Client, theirs: dict[str, str], subtests: pytest.Subtests
    ) -> None:
        document = stranger.get("/openapi.json").json()
        tried: set[str] = set()
        for path, operations in document["paths"].items():
            named = sorted(set(re.findall(r"{(\w+)}", path)) - NO_RESOURCES)
            if not named:
                continue
            assert set(named) <= set(theirs), "a new kind of resource needs one in `theirs`"
            for method in operations:
                with subtests.test(f"{method} {path}"):
                    tried |= set(named)
                    target = path.format(**theirs, name="corpus.txt", path="config.json")
                    bodies = {"fork": {}, "export": {"format": "onnx"}, "predict": {"text": "x"}}
                    name = path.rpartition("/")[2]
                    body = {"json": bodies[name]} if name in bodies else {}
                    answer = stranger.request(method, target, **body)
                    assert answer.status_code == 404
                    if method != "head":
                        problem(answer, 404, f"{named[0]}_not_found", answer.json()["param"])
        assert tried == set(theirs)
        assert client.get(f"/v1/jobs/{theirs['job']}").json()["state"] == "running"

    def test_lists_show_only_resources_of_the_own_project(
        self, stranger: httpx.Client, theirs: dict[str, str]
    ) -> None:
        assert stranger.get("/v1/jobs").json()["data"] == []
        assert stranger.get("/v1/datasets").json()["data"] == []
        assert theirs["key"] not in [key["id"] for key in stranger.get("/v1/keys").json()["data"]]

    def test_only_the_jobs_project_sees_which_worker_runs_it(
        self, stranger: httpx.Client, client: httpx.Client, theirs: dict[str, str]
    ) -> None:
        (known,) = client.get("/v1/workers").json()["data"]
        (seen,) = stranger.get("/v1/workers").json()["data"]
        assert (known["state"], known["job"]) == ("busy", theirs["job"])
        assert (seen["state"], seen["job"]) == ("busy", None)


def test_a_key_revoked_elsewhere_is_refused_soon(
    anonymous: httpx.Client, project_id: str, api_keys: Keys, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = api_keys.make(project_id, "read")
    assert anonymous.get("/v1/jobs", headers=bearer(key)).status_code == 200
    with write(engine) as session:
        session.execute(
            update(ApiKey).where(ApiKey.id == api_keys.made[key]).values(revoked_at=datetime.now(UTC))
        )
    monkeypatch.setattr("api.identity_cache.FRESH_SECONDS", 0.0)
    problem(anonymous.get("/v1/jobs", headers=bearer(key)), 401, "key_revoked")
