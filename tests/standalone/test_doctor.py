"""``seedbed-server doctor`` finds each problem, says what to do, and finds none in a healthy service."""

import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from sqlalchemy import Engine

from control.db import write
from control.settings import Settings
from standalone.doctor import examine, services
from standalone.doctor.finding import Finding
from standalone.home import Home
from standalone.valkey import Valkey
from tests.factories import make_worker


def findings(home: Path, *, port: int = 0) -> dict[str, Finding]:
    found = {finding.what: finding for finding in examine(Home(home), host="127.0.0.1", port=port)}
    for finding in found.values():
        assert (finding.verdict == "ok") == (not finding.advice), finding
    return found


def one(home: Path, what: str, verdict: str) -> Finding:
    """The finding of that name and verdict; all other checks pass, except that no worker is online."""
    found = findings(home)
    assert found[what].verdict == verdict, found[what]
    others = {name for name, finding in found.items() if finding.verdict == "bad"} - {what, "workers"}
    assert not others, [found[name] for name in others]
    return found[what]


def test_a_healthy_service_has_no_problem(engine: Engine, environment: Settings, tmp_path: Path) -> None:
    with write(engine) as session:
        make_worker(session)
    ran = subprocess.run(
        [sys.executable, "-m", "standalone.cli", "doctor", "--port", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    told = dict(re.findall(r"^(?:ok  |WARN) ([^:]+): (.*)", ran.stdout, flags=re.MULTILINE))
    assert set(told) == {
        *("Python", "torch", "device", "data directory", "API", "settings", "secret"),
        *("database", "clock", "Redis", "storage", "worker's cache", "workers"),
    }
    assert "tables up to date" in told["database"]
    assert "noeviction" in told["Redis"]
    assert "host:" in told["workers"]
    assert environment.secret.get_secret_value() not in ran.stdout


def test_a_database_without_tables(
    environment: Settings, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", empty_database_url)
    found = findings(tmp_path)["database"]
    assert found.verdict == "bad"
    assert "seedbed-server migrate" in found.advice


def test_a_database_that_does_not_answer_is_reported_once(
    environment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://nobody@/nothing?host={tmp_path}")
    assert "DATABASE_URL" in one(tmp_path, "database", "bad").advice
    assert "clock" not in findings(tmp_path)


def test_redis_with_an_evicting_memory_policy(
    environment: Settings, server_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Valkey(server_directory / f"doctor-{tmp_path.name}", durable=False) as valkey:
        client = redis.Redis.from_url(valkey.url)
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.close()
        monkeypatch.setenv("REDIS_URL", valkey.url)
        found = one(tmp_path, "Redis", "warn")
    assert "allkeys-lru" in found.found
    assert "noeviction" in found.advice
    assert "REDIS_URL" in one(tmp_path, "Redis", "bad").advice, "and it has ended now"


def test_storage_that_cannot_be_written(
    environment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("STORAGE_URL", (tmp_path / "file").as_uri())
    found = one(tmp_path, "storage", "bad")
    assert "Not a directory" in found.found
    assert "STORAGE_URL" in found.advice
    monkeypatch.setenv("STORAGE_URL", "ftp://host/directory")
    assert "s3://bucket/prefix" in one(tmp_path, "storage", "bad").found


def test_the_check_leaves_nothing_in_storage(environment: Settings, tmp_path: Path) -> None:
    assert findings(tmp_path)["storage"].verdict == "ok"
    assert not [path for path in (tmp_path / "storage").rglob("*") if path.is_file()]


def test_a_cache_below_a_file(environment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SEEDBED_CACHE_DIRECTORY", str(tmp_path / "file" / "cache"))
    assert one(tmp_path, "worker's cache", "bad").found.endswith("Not a directory")


def test_a_port_that_is_taken(environment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        # The socket accepts no connection and so never answers, like a program that is not this API.
        found = findings(tmp_path, port=port)["API"]
        assert found.verdict == "bad"
        assert "--port" in found.advice
        monkeypatch.setenv("SEEDBED_WORKER_METRICS_PORT", str(port))
        assert "SEEDBED_WORKER_METRICS_PORT" in one(tmp_path, "worker's metrics", "bad").advice


def test_invalid_settings_are_named_without_their_values(
    environment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEEDBED_SECRET", "too-short-a-secret")
    monkeypatch.delenv("STORAGE_URL")
    found = findings(tmp_path)["settings"]
    assert found.verdict == "bad"
    assert "SEEDBED_SECRET: value should have at least 32" in found.found
    assert "STORAGE_URL: field required" in found.found
    assert "too-short" not in found.found + found.advice


def test_a_regular_secret(environment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEEDBED_SECRET", "changeme" * 4)
    assert "random" in one(tmp_path, "secret", "warn").advice


def test_clocks_that_disagree(environment: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "time", SimpleNamespace(time=lambda: time.time() + 60))
    found = one(tmp_path, "clock", "warn")
    assert re.match(r"(60\.\d|59\.9) s ahead of", found.found)


def test_no_worker(engine: Engine, environment: Settings, tmp_path: Path) -> None:
    assert "seedbed-server worker" in one(tmp_path, "workers", "bad").advice
