"""The faults. Each function injects one and waits until the service has recovered, so that rounds stay separate."""

import contextlib
import errno
import random
import shutil
import signal
import time
from collections.abc import Callable

from benchmarks.chaos.cluster import LEASE_SECONDS, Cluster, kill
from control.broker import Broker
from standalone.valkey import Valkey

Fault = Callable[[Cluster, random.Random], bool]
"""Injects a fault and returns True; returns False if there was no target for it."""


_TARGET_SECONDS = 5.0
"""Time to wait for an engine that can be killed: between two jobs there is none."""


def kill_engine(cluster: Cluster, rng: random.Random) -> bool:
    deadline = time.monotonic() + _TARGET_SECONDS
    while time.monotonic() < deadline:
        if kill(cluster.tree(rng.choice(cluster.worker_names)).engine):
            return True
        time.sleep(0.02)
    return False


def kill_supervisor(cluster: Cluster, rng: random.Random) -> bool:
    return kill(cluster.tree(rng.choice(cluster.worker_names)).supervisor)


def kill_worker(cluster: Cluster, rng: random.Random) -> bool:
    return kill(cluster.tree(rng.choice(cluster.worker_names)).main)


def kill_api(cluster: Cluster, rng: random.Random) -> bool:
    cluster.kill(rng.choice(cluster.api_names))
    return True


def kill_leader(cluster: Cluster, _: random.Random) -> bool:
    """The API replica that holds the reaper's advisory lock."""
    with cluster.database() as database:
        row = database.execute(
            "SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid "
            "WHERE l.locktype = 'advisory' AND l.granted AND a.application_name LIKE 'seedbed api %'"
        ).fetchone()
    if row is None:
        return False
    pid = int(row[0].rsplit(":", 1)[1])
    for name in cluster.api_names:
        if cluster.pid(name) == pid:
            cluster.kill(name)
            return True
    return False


def freeze_supervisor(cluster: Cluster, rng: random.Random) -> bool:
    """SIGSTOP until the lease has expired, then SIGCONT: the supervisor continues with a job that it no longer holds."""
    supervisor = cluster.tree(rng.choice(cluster.worker_names)).supervisor
    if not kill(supervisor, signal.SIGSTOP):
        return False
    time.sleep(LEASE_SECONDS * 1.5)
    kill(supervisor, signal.SIGCONT)
    return True


def empty_valkey(cluster: Cluster, rng: random.Random) -> bool:
    """Kill Valkey and start it again without its data."""
    cluster.valkey.kill()
    shutil.rmtree(cluster.valkey.directory, ignore_errors=True)
    time.sleep(rng.uniform(0.0, 1.0))
    cluster.valkey = Valkey(cluster.valkey.directory, durable=False)
    cluster.valkey.start()
    return True


def stop_postgres(cluster: Cluster, rng: random.Random) -> bool:
    cluster.postgres.stop()
    time.sleep(rng.uniform(0.5, 3.0))
    cluster.postgres.start()
    return True


def duplicate_message(cluster: Cluster, rng: random.Random) -> bool:
    """Send another wake-up message for a job that is running, has ended or never existed."""
    with cluster.database() as database:
        jobs = [
            row[0] for row in database.execute("SELECT id FROM jobs ORDER BY id DESC LIMIT 20").fetchall()
        ]
    if not jobs:
        return False
    broker = Broker(cluster.settings)
    try:
        for _ in range(3):
            broker.wake("cpu", rng.choice(jobs))
    finally:
        broker.close()
    return True


def fill_disk(cluster: Cluster, rng: random.Random) -> bool:
    """Fill the file system of storage and caches completely for some seconds."""
    ballast = cluster.disk / "ballast"
    try:
        with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
            size = 1 << 20
            while size:
                try:
                    file.write(b"\0" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size //= 2
        time.sleep(rng.uniform(0.5, 2.0))
    finally:
        ballast.unlink(missing_ok=True)
    return True


FAULTS: dict[str, Fault] = {
    "kill_engine": kill_engine,
    "kill_supervisor": kill_supervisor,
    "kill_worker": kill_worker,
    "kill_api": kill_api,
    "kill_leader": kill_leader,
    "freeze_supervisor": freeze_supervisor,
    "empty_valkey": empty_valkey,
    "stop_postgres": stop_postgres,
    "duplicate_message": duplicate_message,
    "fill_disk": fill_disk,
}
