"""Compares the jobs' results with those of undisturbed runs."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

import psycopg

from control.storage import Storage

TIMING = ("train/samples_per_s", "train/tokens_per_s", "train/data_wait_fraction", "system/memory_mb")
"""The metrics that measure the machine; all others depend only on the spec."""


@dataclass(frozen=True)
class Reference:
    """An undisturbed run of a spec."""

    weights_sha256: str
    points: dict[tuple[str, int], float]
    """(metric, step) → value, for the metrics that depend only on the spec."""
    steps: dict[str, frozenset[int]]
    """Metric → the steps that have a point, for all metrics."""


@dataclass
class Verdict:
    """The counts of the comparison. All but the first two must be zero."""

    accepted: int = 0
    succeeded: int = 0
    lost: int = 0
    finished_twice: int = 0
    points_missing: int = 0
    points_duplicate: int = 0
    points_different: int = 0
    weights_differ: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        return self.accepted == self.succeeded and not any(
            (
                self.lost,
                self.finished_twice,
                self.points_missing,
                self.points_duplicate,
                self.points_different,
                self.weights_differ,
            )
        )


def read_points(connection: psycopg.Connection[Any], job: str) -> list[tuple[str, int, float]]:
    """(metric, step, value) of every point of a job."""
    return connection.execute(
        "SELECT n.name, p.step, p.value FROM metric_points p JOIN metric_names n ON n.id = p.name_id WHERE p.job_id = %s",
        [job],
    ).fetchall()


def final_weights(connection: psycopg.Connection[Any], storage: Storage, job: str) -> str:
    """SHA-256 of the last checkpoint's weights, computed from the stored bytes, not taken from a database row."""
    row = connection.execute(
        "SELECT prefix FROM checkpoints WHERE job_id = %s AND deleted_at IS NULL ORDER BY step DESC, attempt DESC LIMIT 1",
        [job],
    ).fetchone()
    if row is None:
        return "no checkpoint"
    digest = hashlib.sha256()
    with storage.open(f"{row[0]}/model.safetensors") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def reference(connection: psycopg.Connection[Any], storage: Storage, job: str) -> Reference:
    """The reference made of an undisturbed, finished job."""
    points = read_points(connection, job)
    names = {name for name, _, _ in points}
    return Reference(
        weights_sha256=final_weights(connection, storage, job),
        points={(name, step): value for name, step, value in points if name not in TIMING},
        steps={name: frozenset(step for n, step, _ in points if n == name) for name in names},
    )


def judge(
    connection: psycopg.Connection[Any],
    storage: Storage,
    jobs: dict[str, Reference],
) -> Verdict:
    """Compare each accepted job with the reference of its spec (the mapping's value)."""
    verdict = Verdict(accepted=len(jobs))
    for job, expected in jobs.items():
        row = connection.execute("SELECT state, attempt, failure FROM jobs WHERE id = %s", [job]).fetchone()
        if row is None or row[0] != "succeeded":
            verdict.lost += 1
            verdict.notes.append(
                f"{job}: {'no row' if row is None else f'{row[0]} at attempt {row[1]}: {row[2]}'}"
            )
            continue
        verdict.succeeded += 1
        _judge_one(connection, storage, job, expected, verdict)
    return verdict


def _judge_one(
    connection: psycopg.Connection[Any], storage: Storage, job: str, expected: Reference, verdict: Verdict
) -> None:
    endings = connection.execute(
        "SELECT count(*) FROM events WHERE job_id = %s AND type IN ('succeeded', 'failed', 'cancelled')",
        [job],
    ).fetchone()
    if endings != (1,):
        verdict.finished_twice += 1
        verdict.notes.append(f"{job}: {endings} endings")
    points = read_points(connection, job)
    seen: dict[str, set[int]] = {}
    for name, step, value in points:
        steps = seen.setdefault(name, set())
        if step in steps or step not in expected.steps.get(name, frozenset()):
            verdict.points_duplicate += 1
            verdict.notes.append(f"{job}: surplus point: {name} at {step}")
        steps.add(step)
        wanted = expected.points.get((name, step))
        if wanted is not None and wanted != value:
            verdict.points_different += 1
            verdict.notes.append(f"{job}: {name} at {step} is {value!r}, undisturbed {wanted!r}")
    for name, expected_steps in expected.steps.items():
        missing = expected_steps - seen.get(name, set())
        if missing:
            verdict.points_missing += len(missing)
            verdict.notes.append(f"{job}: {name} lacks {sorted(missing)[:10]}")
    weights = final_weights(connection, storage, job)
    if weights != expected.weights_sha256:
        verdict.weights_differ += 1
        verdict.notes.append(f"{job}: weights {weights}, undisturbed {expected.weights_sha256}")
