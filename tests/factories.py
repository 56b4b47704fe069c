"""Rows for tests, made by the services themselves if there is one."""

import itertools
from collections.abc import Mapping
from typing import Any

from sqlalchemy import text

from control.checkpoints.models import Checkpoint
from control.datasets import service as datasets
from control.datasets import versions
from control.datasets.models import Dataset, DatasetFile
from control.datasets.schemas import VersionIn
from control.db import WriteSession
from control.ids import new_id
from control.jobs import service as jobs
from control.jobs.service import Claim
from control.lifecycle.models import Job
from control.projects.models import Project
from control.workers import service as workers
from control.workers.fleet import WorkerDevice
from core.spec.job import JobSpec
from core.spec.problems import validate

_numbers = itertools.count(1)


def make_project(session: WriteSession) -> str:
    """A project's id."""
    project = Project(id=new_id("proj"), name=f"project {next(_numbers)}")
    session.add(project)
    session.flush()
    return project.id


def make_dataset(
    session: WriteSession,
    project_id: str,
    *,
    state: str = "ready",
    documents: int = 100,
    characters: int = 1_000_000,
) -> str:
    """Id of a dataset with one file that exists only as a row."""
    dataset = Dataset(id=new_id("ds"), project_id=project_id, name="corpus", state=state)
    session.add(dataset)
    session.flush()
    session.add(
        DatasetFile(
            dataset_id=dataset.id,
            name="corpus.txt",
            bytes=characters,
            sha256="0" * 64,
            object_key=f"projects/{project_id}/blobs/{'0' * 64}",
            report={"kind": "text", "compression": None, "documents": documents, "characters": characters},
        )
    )
    session.flush()
    return dataset.id


def make_version(session: WriteSession, project_id: str, parent: str, *, name: str = "more.txt") -> str:
    """Id of a complete version of a dataset, which adds one file that exists only as a row."""
    version = versions.create(session, project_id, parent, VersionIn())
    session.add(
        DatasetFile(
            dataset_id=version.id,
            name=name,
            bytes=1_000_000,
            sha256="1" * 64,
            object_key=f"projects/{project_id}/blobs/{'1' * 64}",
            report={"kind": "text", "compression": None, "documents": 100, "characters": 1_000_000},
        )
    )
    session.flush()
    return datasets.complete(session, project_id, version.id).id


def make_spec(dataset_id: str | None, **changes: Any) -> JobSpec:
    """A small valid spec; `changes` replace whole parts of it."""
    document: dict[str, Any] = {
        "name": "job",
        "dataset": dataset_id,
        "task": {"kind": "masked_lm"},
        "model": {"preset": "bert-tiny"},
        "training": {"steps": 100, "batch_size": 8, "sequence_length": 64},
    }
    return validate(document | changes)


def make_worker(session: WriteSession, device: WorkerDevice = "cpu", memory_gib: float = 8) -> str:
    """Id of a worker that is online."""
    return workers.register(
        session,
        name=f"host:{next(_numbers)}",
        device=device,
        device_name="NVIDIA H100" if device == "cuda" else "CPU",
        memory_bytes=int(memory_gib * 2**30),
        threads=2,
        version="0.1.0",
    )


def make_job(session: WriteSession, project_id: str | None = None, **changes: Any) -> Job:
    """A queued job, in a project of its own if none is given."""
    project = project_id or make_project(session)
    dataset = changes.pop("dataset", None) or make_dataset(session, project)
    return jobs.submit(session, project, make_spec(dataset, **changes))


def make_running(session: WriteSession, **changes: Any) -> tuple[Job, Claim]:
    """A job that has just been claimed by a new worker."""
    job = make_job(session, **changes)
    claim = jobs.claim(session, make_worker(session))
    assert claim
    assert claim.job_id == job.id, "another job was first in the queue"
    return job, claim


def make_checkpoint(
    session: WriteSession, claim: Claim, step: int, metrics: Mapping[str, float] | None = None
) -> Checkpoint:
    """A checkpoint committed by the claim's attempt; its files exist only as rows."""
    prefix = f"jobs/{claim.job_id}/attempt-{claim.attempt}/step-{step}"
    return jobs.commit_checkpoint(
        session,
        claim.job_id,
        claim.attempt,
        step=step,
        prefix=prefix,
        manifest={"format": 1, "step": step, "files": [{"path": "config.json", "bytes": 2, "sha256": "ab"}]},
        manifest_sha256=f"{step:064x}",
        metrics=metrics or {},
    )


def let_pass(session: WriteSession, seconds: float) -> None:
    """Simulate the passage of `seconds` on the database's clock, by moving all stored times into the past."""
    for table, columns in {
        "jobs": ("lease_until", "queued_at", "created_at", "started_at", "finished_at"),
        "workers": ("last_seen_at", "started_at", "stopped_at"),
        "checkpoints": ("created_at", "deleted_at"),
    }.items():
        shifts = ", ".join(f"{column} = {column} - make_interval(secs => :seconds)" for column in columns)
        session.execute(text(f"UPDATE {table} SET {shifts}"), {"seconds": seconds})
    for row in list(session):
        session.refresh(row)


def make_in_state(session: WriteSession, state: str) -> Job:
    """A job brought to `state` by the operations that lead there."""
    if state == "queued":
        return make_job(session)
    job, claim = make_running(session)
    if state in {"paused", "cancelled"}:
        jobs.request(session, job.project_id, job.id, "pause" if state == "paused" else "cancel")
        jobs.finish(session, job.id, claim.attempt, jobs.Stopped(75))
    elif state == "succeeded":
        jobs.finish(session, job.id, claim.attempt, jobs.Completed())
    elif state == "failed":
        jobs.finish(session, job.id, claim.attempt, jobs.Failed("non_finite_loss", "The loss is NaN."))
    assert job.state == state
    return job
