"""Chaos: random faults (killed and frozen processes, lost messages, a full disk) while jobs train (--rounds, --seed)."""

import argparse
import contextlib
import json
import os
import pydoc_data.topics
import random
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from benchmarks._processes import descendants, reap, run
from benchmarks.chaos import audit
from benchmarks.chaos.cluster import LEASE_SECONDS, Cluster
from benchmarks.chaos.faults import FAULTS
from benchmarks.chaos.verdict import Reference, Verdict, judge, reference

IN_FLIGHT = 4
STEPS = 100
SPEC_SEEDS = (0, 1, 2)


def main() -> int:
    """Run the rounds, print the verdict, and exit 0 only if nothing was lost."""
    parser = argparse.ArgumentParser(prog="./run bench chaos", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="faults to inject (default 100)")
    parser.add_argument("--seed", type=int, default=None, help="repeats the faults of an earlier run")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--faults", default=",".join(FAULTS), help="comma-separated kinds")
    parser.add_argument("--keep", action="store_true", help="keep the logs")
    arguments = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if arguments.seed is None else arguments.seed
    kinds = arguments.faults.split(",")
    unknown = set(kinds) - set(FAULTS)
    if unknown:
        parser.error(f"unknown faults {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    with home(keep=arguments.keep) as directory, small_disk(directory) as disk:
        if disk is None:
            print("fill_disk is left out: this user may not mount a small file system")
            kinds = [kind for kind in kinds if kind != "fill_disk"]
        with Cluster(directory, workers=arguments.workers, disk=disk) as cluster:
            faults, verdict, findings = _drive(cluster, arguments.rounds, seed, kinds)
        left = _left_behind()
        for note in [*verdict.notes, *(" ".join(finding) for finding in findings), *left]:
            print(note)
        stale = sum(kind != "after_the_end" for kind, _, _ in findings)
        twice = verdict.finished_twice + sum(kind == "after_the_end" for kind, _, _ in findings)
        clean = verdict.clean and not findings and not left
        if not clean:
            print(f"NOT CLEAN. Repeat with: ./run bench chaos --rounds {arguments.rounds} --seed {seed}")
    print(
        json.dumps(
            {
                "rounds": arguments.rounds,
                "seed": seed,
                "faults": faults,
                "accepted": verdict.accepted,
                "succeeded": verdict.succeeded,
                "lost": verdict.lost,
                "finished_twice": twice,
                "points_missing": verdict.points_missing,
                "points_duplicate": verdict.points_duplicate,
                "points_different": verdict.points_different,
                "stale_writes": stale,
                "weights_differ": verdict.weights_differ,
                "processes_left": len(left),
            }
        )
    )
    return 0 if clean else 1


def _drive(
    cluster: Cluster, rounds: int, seed: int, kinds: list[str]
) -> tuple[dict[str, int], Verdict, list[tuple[str, str, str]]]:
    cluster.await_ready()
    with cluster.database() as database:
        audit.install(database)
    dataset = upload(cluster)
    references = _references(cluster, dataset)
    print(f"{len(references)} undisturbed runs; now {rounds} rounds with seed {seed}", flush=True)
    rng = random.Random(seed)
    jobs: dict[str, Reference] = {}
    faults: Counter[str] = Counter()
    bag: list[str] = []
    done = 0
    while done < rounds:
        _keep_busy(cluster, dataset, references, jobs, rng)
        if not bag:  # all kinds equally often, in random order
            bag = rng.sample(kinds, len(kinds))
        kind = bag.pop()
        time.sleep(rng.uniform(0.0, 1.5))
        if FAULTS[kind](cluster, rng):
            faults[kind] += 1
        done += 1
        if done % 10 == 0:
            print(f"round {done}: {len(jobs)} jobs accepted, {dict(faults)}", flush=True)
    await_all(cluster, list(jobs))
    with cluster.database() as database:
        return dict(faults), judge(database, cluster.storage(), jobs), audit.findings(database)


def _spec(dataset: str, seed: int) -> dict[str, Any]:
    return {
        "name": f"chaos-{seed}",
        "dataset": dataset,
        "task": {"kind": "masked_lm"},
        "model": {"layers": 2, "hidden_size": 32, "heads": 2, "dropout": 0.1},
        "training": {
            "steps": STEPS,
            "batch_size": 8,
            "accumulation_steps": 2,
            "sequence_length": 64,
            "precision": "fp32",  # not auto, because bits are compared: auto may choose differently for each job
            "seed": seed,
            "log_every": 1,
            "evaluate_every": 10,
            "evaluation_sequences": 16,
            "checkpoint_every": 10,
        },
        "data": {"tokenizer": {"kind": "wordpiece", "vocabulary_size": 500}},
        # Faults are far more frequent than in a real service; the benchmark tests that no job is lost, not the retry limit.
        "resources": {"device": "cpu", "max_retries": 100},
    }


def client(cluster: Cluster, port: int) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {cluster.key}"}, timeout=10
    )


def upload(cluster: Cluster) -> str:
    text = "\n\n".join(pydoc_data.topics.topics.values())[:60_000]
    with client(cluster, cluster.ports[0]) as http:
        dataset = http.post("/v1/datasets", json={"name": "chaos"}).raise_for_status().json()["id"]
        http.put(f"/v1/datasets/{dataset}/files/topics.txt", content=text.encode()).raise_for_status()
        http.post(f"/v1/datasets/{dataset}/complete").raise_for_status()
    return str(dataset)


def submit(cluster: Cluster, body: dict[str, Any], rng: random.Random) -> str:
    """Submit as a careful client does: repeat the request with the same idempotency key, to any replica, until it succeeds."""
    key = f"chaos-{rng.getrandbits(64):x}"
    deadline = time.monotonic() + 120
    while True:
        port = rng.choice(cluster.ports)
        try:
            with client(cluster, port) as http:
                answer = http.post("/v1/jobs", json=body, headers={"Idempotency-Key": key})
            if answer.status_code < 500 and answer.status_code != httpx.codes.CONFLICT:
                return str(answer.raise_for_status().json()["id"])
        except httpx.TransportError:
            pass
        if time.monotonic() > deadline:
            raise TimeoutError("no replica accepted a job for two minutes")
        time.sleep(0.2)


def _references(cluster: Cluster, dataset: str) -> dict[int, Reference]:
    quiet = random.Random(0)
    jobs = {seed: submit(cluster, _spec(dataset, seed), quiet) for seed in SPEC_SEEDS}
    await_all(cluster, list(jobs.values()))
    with cluster.database() as database:
        return {seed: reference(database, cluster.storage(), job) for seed, job in jobs.items()}


def _keep_busy(
    cluster: Cluster,
    dataset: str,
    references: dict[int, Reference],
    jobs: dict[str, Reference],
    rng: random.Random,
) -> None:
    with cluster.database() as database:
        row = database.execute("SELECT count(*) FROM jobs WHERE state IN ('queued', 'running')").fetchone()
    open_jobs = row[0] if row else 0
    for _ in range(IN_FLIGHT - open_jobs):
        seed = rng.choice(SPEC_SEEDS)
        jobs[submit(cluster, _spec(dataset, seed), rng)] = references[seed]


def await_all(cluster: Cluster, jobs: list[str]) -> None:
    """Wait until all jobs are in a terminal state; fail only if nothing has changed for 20 lease durations."""
    seen: object = None
    moved = time.monotonic()
    while time.monotonic() - moved < 20 * LEASE_SECONDS:
        with cluster.database() as database:
            rows = database.execute(
                "SELECT id, state, attempt, step FROM jobs WHERE id = ANY(%s) "
                "AND state NOT IN ('succeeded', 'failed', 'cancelled') ORDER BY id",
                [jobs],
            ).fetchall()
        if not rows:
            return
        if rows != seen:
            seen, moved = rows, time.monotonic()
        time.sleep(0.2)
    print(f"stuck: {seen}")


def _left_behind() -> list[str]:
    """The processes that still run five seconds after the service was stopped."""
    deadline = time.monotonic() + 5
    while (left := descendants()) and time.monotonic() < deadline:
        reap()
        time.sleep(0.1)
    return [f"left behind: {process}" for process in left]


@contextlib.contextmanager
def home(*, keep: bool) -> Iterator[Path]:
    # Not below a user's home directory: started by root, PostgreSQL runs as another user, who must reach it.
    home = Path(tempfile.mkdtemp(prefix="seedbed-chaos-", dir="/var/tmp"))
    home.chmod(0o711)
    try:
        yield home
    finally:
        if keep:
            print(f"the logs are in {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def small_disk(home: Path) -> Iterator[Path | None]:
    """A separate file system of 256 MiB, which can be filled without harm to the machine."""
    disk = home / "disk"
    disk.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256m", "tmpfs", disk], check=False, capture_output=True
        ).returncode
    ):
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", disk], check=False)


if __name__ == "__main__":
    run(main)
