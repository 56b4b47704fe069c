"""Resume: kill -9 the engine at random steps; the weights must equal those of an uninterrupted run (--kills, --seed)."""

import argparse
import json
import random
import signal
import statistics
import time
from typing import Any

from benchmarks._processes import run
from benchmarks.chaos.__main__ import await_all, home, submit, upload
from benchmarks.chaos.cluster import Cluster, kill
from benchmarks.chaos.verdict import Reference, judge, reference

STEPS = 60


def main() -> int:
    """Print a line for each kill, then the figures; exit 0 only if every run ended with the same weights."""
    parser = argparse.ArgumentParser(prog="./run bench resume", description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    lost: list[float] = []
    with home(keep=False) as directory, Cluster(directory, workers=1, replicas=1, threads=2) as cluster:
        cluster.await_ready()
        dataset = upload(cluster)
        straight = submit(cluster, _spec(dataset), rng)
        await_all(cluster, [straight])
        with cluster.database() as database:
            expected = reference(database, cluster.storage(), straight)
        jobs: dict[str, Reference] = {}
        for number in range(arguments.kills):
            job = submit(cluster, _spec(dataset), rng)
            jobs[job] = expected
            step = rng.randrange(1, STEPS)
            seconds = _kill_at(cluster, job, step)
            await_all(cluster, [job])
            if seconds is None:
                print(f"kill {number + 1}: the engine had ended before step {step} was seen", flush=True)
                continue
            reached, killed_at = seconds
            first_new = _first_step_beyond(cluster, job, reached)
            if first_new is None:
                print(f"kill {number + 1}: killed after its last step ({reached})", flush=True)
                continue
            lost.append(first_new - killed_at)
            print(f"kill {number + 1}: at step {reached}, {lost[-1]:.2f} s to step {reached + 1}", flush=True)
        with cluster.database() as database:
            verdict = judge(database, cluster.storage(), jobs)
    for note in verdict.notes:
        print(note)
    different = verdict.lost + verdict.weights_differ
    print(
        json.dumps(
            {
                "kills": len(lost),
                "identical": len(jobs) - different,
                "runs": len(jobs),
                "seconds_lost_median": round(statistics.median(lost), 3),
                "seconds_lost_worst": round(max(lost), 3),
                "points_missing": verdict.points_missing,
                "points_duplicate": verdict.points_duplicate,
                "points_different": verdict.points_different,
            }
        )
    )
    return 0 if verdict.clean else 1


def _spec(dataset: str) -> dict[str, Any]:
    return {
        "name": "resume",
        "dataset": dataset,
        "task": {"kind": "masked_lm"},
        "model": {"preset": "bert-tiny", "dropout": 0.1},
        "training": {
            "steps": STEPS,
            "batch_size": 16,
            "accumulation_steps": 2,
            "sequence_length": 128,
            "precision": "fp32",  # not auto, because bits are compared: auto may choose differently for each job
            "log_every": 1,
            "evaluate_every": 20,
            "evaluation_sequences": 16,
            "checkpoint_every": 10,
        },
        "data": {"tokenizer": {"kind": "bpe", "vocabulary_size": 1000}},
        "resources": {"device": "cpu"},
    }


def _kill_at(cluster: Cluster, job: str, step: int) -> tuple[int, float] | None:
    """Kill the engine once `step` is in the database.

    Returns:
        The last reported step and the Unix time of the kill; None if the engine had ended before.
    """
    name = cluster.worker_names[0]
    with cluster.database() as database:
        while True:
            row = database.execute("SELECT step, state FROM jobs WHERE id = %s", [job]).fetchone()
            assert row is not None
            if row[1] not in ("queued", "running"):
                return None
            if row[0] >= step and (engine := cluster.tree(name).engine) is not None:
                killed_at = time.time()
                if not kill(engine, signal.SIGKILL):
                    return None
                break
            time.sleep(0.002)
        # Events that the engine wrote into the pipe before it died still arrive.
        while True:
            row = database.execute("SELECT state, attempt FROM jobs WHERE id = %s", [job]).fetchone()
            assert row is not None
            if row != ("running", 1):
                break
            time.sleep(0.002)
        last = database.execute(
            "SELECT max(step) FROM metric_points WHERE job_id = %s AND attempt = 1", [job]
        ).fetchone()
    assert last is not None
    return int(last[0]), killed_at


def _first_step_beyond(cluster: Cluster, job: str, step: int) -> float | None:
    """Unix time at which the engine finished a step after `step`; None if it has not."""
    with cluster.database() as database:
        row = database.execute(
            "SELECT extract(epoch FROM min(time)) FROM metric_points WHERE job_id = %s AND step > %s",
            [job, step],
        ).fetchone()
    return None if row is None or row[0] is None else float(row[0])


if __name__ == "__main__":
    run(main)
