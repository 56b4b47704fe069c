"""Every operation of the OpenAPI document, requested with every kind of credential, compared with one written table.

The operations use existing resources, so that a missing check shows as a change; the rows of all
tables are compared before and after whatever must be refused.
"""

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine, text

from api.auth import COOKIE, CSRF_HEADER
from control.db import read, write
from control.keys import service as keys
from control.keys.schemas import Scope
from control.keys.secrets import SessionToken
from control.lineages import service as lineages
from control.lineages.schemas import PlannedLineageIn
from control.samples.service import commit_sample
from control.settings import Settings
from control.storage import open_storage
from tests.api.conftest import Keys
from tests.api.permissions import PUBLIC, SCOPES, UNSAFE
from tests.factories import make_checkpoint, make_dataset, make_job, make_running, make_spec

LADDER: list[Scope] = ["read", "write", "admin"]
_BODIES = {"exportCheckpoint": {"format": "onnx"}}
"""Of operations that refuse an empty body before they look for what is named in the path."""
EVERYBODYS = {"getTask"}
"""What is asked for by a name that is no project's."""

REFUSALS = {"key_missing", "key_unknown", "key_revoked", "session_expired", "scope_missing", "csrf_missing"}


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    template: str


@dataclass
class Caller:
    """A caller: the headers of its requests, and what the table allows."""

    headers: dict[str, str] = field(default_factory=dict)
    scope: Scope | None = None
    refused: tuple[int, str] | None = None
    """Status and code of the response of every operation that needs a key."""
    csrf_missing: bool = False

    def expects(self, operation: Operation) -> tuple[int, str] | None:
        """The refusal that the operation must return; None if the caller is allowed."""
        if operation.name in PUBLIC:
            return None
        if self.refused:
            return self.refused
        if self.csrf_missing and operation.method in UNSAFE:
            return 403, "csrf_missing"
        assert self.scope is not None
        if LADDER.index(self.scope) < LADDER.index(SCOPES[operation.name]):
            return 403, "scope_missing"
        return None


@pytest.fixture(scope="module")
def operations() -> list[Operation]:
    """The operations as the command prints them; the one that ends the caller's own session is last."""
    printed = subprocess.run([sys.executable, "-m", "api.openapi"], capture_output=True, check=True)
    found = [
        Operation(operation["operationId"], method.upper(), path)
        for path, methods in json.loads(printed.stdout)["paths"].items()
        for method, operation in methods.items()
    ]
    return sorted(found, key=lambda operation: operation.name == "signOut")


@pytest.fixture
def things(
    client: httpx.Client, engine: Engine, project_id: str, environment: Settings, api_keys: Keys
) -> dict[str, str]:
    """One resource of each kind, in the default project: the values of path parameters."""
    storage = open_storage(environment.storage_url)
    with write(engine) as session:
        job, claim = make_running(session, project_id=project_id)
        checkpoint = make_checkpoint(session, claim, 7)
        key = f"jobs/{job.id}/attempt-1/samples/step-7/text/content"
        storage.put_stream(key, [b"seen"])
        sample = commit_sample(
            session,
            job.id,
            claim.attempt,
            step=7,
            name="text",
            media_type="text/plain",
            size=4,
            sha256=hashlib.sha256(b"seen").hexdigest(),
            object_key=key,
        )
        queued = make_job(session, project_id=project_id)
        dataset = make_dataset(session, project_id, state="open")
        ready = make_dataset(session, project_id)
        plan = PlannedLineageIn(
            spec=make_spec(None).model_dump(mode="json", exclude_unset=True), datasets=[ready, ready]
        )
        lineage = lineages.plan(session, project_id, plan, by_admin=True).id
    spec = {
        "name": "tried",
        "dataset": ready,
        "task": {"kind": "masked_lm"},
        "model": {"preset": "bert-tiny"},
        "training": {"steps": 100, "batch_size": 8, "sequence_length": 64},
    }

    def asked(path: str, body: dict[str, Any]) -> str:
        answer = client.post(path, json=body)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    another_key = api_keys.make(project_id, "read")
    return {
        "job": queued.id,
        "checkpoint": checkpoint.id,
        "dataset": dataset,
        "name": "corpus.txt",
        "path": "config.json",
        "kind": "masked_lm",
        "sample": sample.id,
        "key": api_keys.made[another_key],
        "estimate": asked("/v1/jobs/estimate", spec),
        "export": asked(f"/v1/checkpoints/{checkpoint.id}/export", {"format": "onnx"}),
        "preview": asked("/v1/jobs/preview", spec),
        "lineage": lineage,
        "evaluation": asked("/v1/evaluations", {"checkpoint": checkpoint.id}),
    }


def test_the_table_lists_every_operation(operations: list[Operation]) -> None:
    names = {operation.name for operation in operations}
    assert names == SCOPES.keys() | PUBLIC
    assert not SCOPES.keys() & PUBLIC


def test_operations_that_change_something_need_more_than_the_read_scope(operations: list[Operation]) -> None:
    reading = {"validateJob", "predict"}  # use POST only because they have a body
    for operation in operations:
        if operation.method in UNSAFE and operation.name not in PUBLIC | reading:
            assert SCOPES[operation.name] in {"write", "admin"}, operation


@pytest.mark.parametrize(
    "who",
    [
        "nobody",
        "another scheme",
        "an unknown key",
        "a revoked key",
        "an expired session",
        "a session of a revoked key",
        "a session with a forged signature",
        "a key that may read",
        "a key that may write",
        "a session that may read",
        "a session that may write, without the CSRF header",
        "a session that may write",
    ],
)
def test_each_caller_may_do_what_the_table_says(
    who: str,
    operations: list[Operation],
    anonymous: httpx.Client,
    engine: Engine,
    project_id: str,
    api_keys: Keys,
    things: dict[str, str],
) -> None:
    caller = _Credentials(engine, project_id, api_keys).caller(who)
    refused = [operation for operation in operations if caller.expects(operation)]
    allowed = [operation for operation in operations if not caller.expects(operation)]
    before = _rows(engine)
    wrong = []
    for operation in refused:
        expected = caller.expects(operation)
        assert expected
        status, code = _ask(anonymous, operation, things, caller.headers)
        if (status, code) != expected and not (operation.method == "HEAD" and status == expected[0]):
            wrong.append(f"{operation.name}: {status} {code}, not {expected}")
    assert _rows(engine) == before, "something was refused, and yet it changed something"
    for operation in allowed:  # last, since these may delete the resources that the others use
        status, code = _ask(anonymous, operation, things, caller.headers)
        if code in REFUSALS or status >= 500:
            wrong.append(f"{operation.name}: {status} {code}, and {who} may do this")
    assert not wrong, "\n".join(wrong)


def test_another_project_finds_and_changes_nothing(
    operations: list[Operation],
    stranger: httpx.Client,
    client: httpx.Client,
    engine: Engine,
    things: dict[str, str],
) -> None:
    before = _rows(engine)
    wrong = []
    for operation in operations:
        if operation.name in EVERYBODYS or not any(f"{{{name}}}" in operation.template for name in things):
            continue
        status, code = _ask(stranger, operation, things, {})
        if status != 404 or (operation.method != "HEAD" and not code.endswith("_not_found")):
            wrong.append(f"{operation.name}: {status} {code}, not 404")
    assert not wrong, "\n".join(wrong)
    assert _rows(engine) == before
    for name in ("job", "dataset", "checkpoint"):
        assert client.get(f"/v1/{name}s/{things[name]}").status_code == 200


def test_lists_are_empty_for_another_project(
    operations: list[Operation], stranger: httpx.Client, client: httpx.Client, things: dict[str, str]
) -> None:
    ids = [value for name, value in things.items() if name not in {"name", "path", "kind"}]
    lists = [
        operation
        for operation in operations
        if operation.method == "GET" and operation.name.startswith("list") and "{" not in operation.template
    ]
    assert {"listJobs", "listDatasets", "listKeys", "listWorkers"} <= {operation.name for operation in lists}
    for operation in lists:
        seen = stranger.get(operation.template)
        assert seen.status_code == 200
        assert not [each for each in ids if each in seen.text], operation.name
    assert things["job"] in client.get("/v1/jobs").text
    assert things["dataset"] in client.get("/v1/datasets").text


def _ask(
    client: httpx.Client, operation: Operation, things: dict[str, str], headers: dict[str, str]
) -> tuple[int, str]:
    """Status and problem code (empty for none). Streams are closed after their head."""
    path = operation.template.format_map(things)
    body: dict[str, Any] = {}
    if operation.method == "PUT":
        body = {"content": b"to be or not to be\n"}
    elif operation.method in UNSAFE:
        body = {"json": _BODIES.get(operation.name, {})}
    with client.stream(operation.method, path, headers=headers, **body) as answer:
        if answer.status_code < 400 or operation.method == "HEAD":
            return answer.status_code, ""
        answer.read()
        return answer.status_code, str(answer.json()["code"])


class _Credentials:
    """Makes each kind of caller."""

    def __init__(self, engine: Engine, project_id: str, api_keys: Keys) -> None:
        self._engine = engine
        self._project_id = project_id
        self._api_keys = api_keys

    def caller(self, who: str) -> Caller:
        csrf = {CSRF_HEADER: "1"}
        make: dict[str, Callable[[], Caller]] = {
            "nobody": lambda: Caller(csrf, refused=(401, "key_missing")),
            "another scheme": lambda: Caller(
                {"Authorization": "Basic dXNlcjp4"}, refused=(401, "key_missing")
            ),
            "an unknown key": lambda: Caller(_bearer("sb_" + "x" * 43), refused=(401, "key_unknown")),
            "a revoked key": lambda: Caller(
                _bearer(self._revoked(self._key("admin"))), refused=(401, "key_revoked")
            ),
            "an expired session": lambda: Caller(
                csrf | self._session(self._key("admin"), expires_in=-1), refused=(401, "session_expired")
            ),
            "a session of a revoked key": lambda: Caller(
                csrf | self._session(self._revoked(self._key("admin"))), refused=(401, "key_revoked")
            ),
            "a session with a forged signature": lambda: Caller(
                csrf | self._session(self._key("admin"), secret="x" * 32), refused=(401, "session_expired")
            ),
            "a key that may read": lambda: Caller(_bearer(self._key("read")), "read"),
            "a key that may write": lambda: Caller(_bearer(self._key("write")), "write"),
            "a session that may read": lambda: Caller(csrf | self._session(self._key("read")), "read"),
            "a session that may write, without the CSRF header": lambda: Caller(
                self._session(self._key("write")), "write", csrf_missing=True
            ),
            "a session that may write": lambda: Caller(csrf | self._session(self._key("write")), "write"),
        }
        return make[who]()

    def _key(self, scope: Scope) -> str:
        return self._api_keys.make(self._project_id, scope)

    def _revoked(self, key: str) -> str:
        with write(self._engine) as database:
            keys.revoke(database, self._project_id, self._api_keys.made[key])
        return key

    def _session(self, key: str, *, expires_in: int = 3600, secret: str | None = None) -> dict[str, str]:
        known = self._api_keys.settings.secret.get_secret_value()
        token = SessionToken(self._api_keys.made[key], int(time.time()) + expires_in)
        return {"Cookie": f"{COOKIE}={token.sign(secret or known)}"}


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def _rows(engine: Engine) -> dict[str, list[str]]:
    """Every row of every table as text, except when a key was last used."""
    with read(engine) as session:
        tables = session.scalars(
            text("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        ).all()
        rows = {
            table: sorted(session.scalars(text(f'SELECT ("{table}".*)::text FROM "{table}"')))
            for table in tables
            if table != "api_keys"
        }
        rows["api_keys"] = sorted(
            session.scalars(text("SELECT (id, revoked_at, scopes)::text FROM api_keys"))
        )
    return rows
