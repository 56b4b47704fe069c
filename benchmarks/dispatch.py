"""Dispatch: 8 workers run 10,000 queued jobs with an engine that does nothing (--jobs, --workers)."""

import argparse
import json
import random
import time
from typing import Any

import psycopg

from benchmarks._processes import run
from benchmarks.chaos.__main__ import client, home, submit, upload
from benchmarks.chaos.cluster import Cluster

SMALL, LARGE = 100, 100_000


def main() -> int:
    """Measure with few finished jobs in the database, then with many, then run the long queue; figures on the last line."""
    parser = argparse.ArgumentParser(prog="./run bench dispatch", description=__doc__)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument(
        "--sample", type=int, default=1_000, help="jobs for each measurement of the database's time"
    )
    arguments = parser.parse_args()
    rng = random.Random(0)
    with (
        home(keep=False) as directory,
        Cluster(
            directory,
            workers=arguments.workers,
            replicas=1,
            engine="benchmarks._noop_engine",
            lease_seconds=30,
        ) as cluster,
    ):
        cluster.await_ready()
        dataset = upload(cluster)
        pattern = submit(cluster, _spec(dataset), rng)
        _await_empty(cluster)
        per_job = {}
        for history in (SMALL, LARGE):
            _make_history(cluster, pattern, history)
            per_job[history] = _measure(cluster, pattern, arguments.sample)["database_ms_per_job"]
            print(
                f"{history:>7,} finished jobs before: {per_job[history]:.2f} ms of database time for each job",
                flush=True,
            )
        run = _measure(cluster, pattern, arguments.jobs)
        submitted = _submit_rate(cluster, dataset)
        with cluster.database() as database:
            lost = _scalar(database, "SELECT count(*) FROM jobs WHERE state <> 'succeeded'")
    print(
        f"{arguments.jobs:,} jobs through {arguments.workers} workers in {run['seconds']:.0f} s; "
        f"{submitted:.0f} submits a second by one client over HTTP"
    )
    print(
        json.dumps(
            {
                "jobs_per_s": round(run["jobs_per_s"], 2),
                "database_ms_per_job_small": round(per_job[SMALL], 3),
                "database_ms_per_job_large": round(per_job[LARGE], 3),
                "oldest_wait_s": round(run["oldest_wait_s"], 2),
                "jobs": arguments.jobs,
                "workers": arguments.workers,
                "submits_per_s": round(submitted, 1),
                "lost": lost,
            }
        )
    )
    return int(lost > 0)


def _spec(dataset: str) -> dict[str, Any]:
    return {
        "name": "dispatch",
        "dataset": dataset,
        "task": {"kind": "masked_lm"},
        "model": {"layers": 1, "hidden_size": 16, "heads": 1},
        "training": {"steps": 1, "batch_size": 2, "sequence_length": 16},
        "resources": {"device": "cpu"},
    }


def _columns(database: psycopg.Connection[Any], *, but: tuple[str, ...]) -> str:
    rows = database.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'jobs' AND column_name <> ALL(%s)",
        [list(but)],
    ).fetchall()
    return ", ".join(row[0] for row in rows)


_COPIED_ID = "'job_' || lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0') || lpad(n::text, 14, '0')"


def _make_history(cluster: Cluster, pattern: str, number: int) -> None:
    """Insert finished jobs with an attempt, four events and ten points each, copied from a job that was run."""
    with cluster.database() as database:
        columns = _columns(database, but=("id",))
        database.execute(
            f"INSERT INTO jobs (id, {columns}) SELECT {_COPIED_ID}, {columns} FROM jobs, generate_series(1, %s) n WHERE id = %s",
            [number, pattern],
        )
        database.execute(
            "INSERT INTO attempts (job_id, number, worker_id, outcome, ended_at) "
            "SELECT id, 1, worker_id, 'completed', now() FROM (SELECT j.id, a.worker_id FROM jobs j, attempts a "
            "WHERE a.job_id = %s AND j.id <> a.job_id AND NOT EXISTS (SELECT FROM attempts b WHERE b.job_id = j.id)) x",
            [pattern],
        )
        database.execute(
            "INSERT INTO events (job_id, attempt, type, message) SELECT j.id, 1, 'claimed', 'history' FROM jobs j, generate_series(1, 4) "
            "WHERE NOT EXISTS (SELECT FROM events e WHERE e.job_id = j.id)"
        )
        database.execute(
            "INSERT INTO metric_points (job_id, name_id, step, value, attempt, time) "
            "SELECT j.id, (SELECT min(id) FROM metric_names), s, 0, 1, now() FROM jobs j, generate_series(1, 10) s "
            "WHERE NOT EXISTS (SELECT FROM metric_points p WHERE p.job_id = j.id)"
        )
        database.execute("VACUUM ANALYZE")


def _measure(cluster: Cluster, pattern: str, number: int) -> dict[str, float]:
    """Queue all jobs at once, and wait until all have ended."""
    with cluster.database() as database:
        columns = _columns(database, but=("id", "queued_at"))
        values = {
            "state": "'queued'",
            "attempt": "0",
            "retries_used": "0",
            "worker_id": "NULL",
            "step": "0",
            "latest": "'{}'",
            "started_at": "NULL",
            "finished_at": "NULL",
            "rung_at": "NULL",
            "waiting_reason": "NULL",
            "phase": "NULL",
            "phase_fraction": "NULL",
        }
        chosen = ", ".join(values.get(name, name) for name in columns.split(", "))
        busy = _busy_ms(database)
        begun = time.monotonic()
        database.execute(
            f"INSERT INTO jobs (id, queued_at, {columns}) SELECT {_COPIED_ID}, clock_timestamp(), {chosen} "
            "FROM jobs, generate_series(1, %s) n WHERE id = %s",
            [number, pattern],
        )
        since = _scalar(database, "SELECT extract(epoch FROM clock_timestamp())")
    _await_empty(cluster)
    seconds = time.monotonic() - begun
    with cluster.database() as database:
        spent = _busy_ms(database) - busy
        oldest = _scalar(
            database,
            "SELECT max(extract(epoch FROM started_at - queued_at)) FROM jobs WHERE started_at > to_timestamp(%s)",
            since,
        )
    return {
        "seconds": seconds,
        "jobs_per_s": number / seconds,
        "database_ms_per_job": spent / number,
        "oldest_wait_s": float(oldest),
    }


def _busy_ms(database: psycopg.Connection[Any]) -> float:
    """Milliseconds that the server has spent executing statements in this database, over all connections."""
    time.sleep(2.0)  # PostgreSQL's backends report their statistics at most once a second
    database.execute("SELECT pg_stat_clear_snapshot()")
    return float(
        _scalar(database, "SELECT active_time FROM pg_stat_database WHERE datname = current_database()")
    )


def _scalar(database: psycopg.Connection[Any], query: str, *values: object) -> Any:
    row = database.execute(query, values).fetchone()
    assert row is not None
    return row[0]


def _await_empty(cluster: Cluster) -> None:
    """Wait until no job is queued or running. Polls rarely and through the indexes, to disturb the measurement little."""
    question = " OR ".join(
        f"EXISTS (SELECT FROM jobs WHERE state = '{state}')" for state in ("queued", "running")
    )
    with cluster.database() as database:
        while _scalar(database, f"SELECT {question}"):
            time.sleep(0.5)


def _submit_rate(cluster: Cluster, dataset: str, number: int = 200) -> float:
    with client(cluster, cluster.ports[0]) as http:
        begun = time.monotonic()
        for _ in range(number):
            http.post("/v1/jobs", json=_spec(dataset)).raise_for_status()
        seconds = time.monotonic() - begun
    _await_empty(cluster)
    return number / seconds


if __name__ == "__main__":
    run(main)
