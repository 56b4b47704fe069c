"""Previews: what a job's networks would see of a handful of samples, shown before the job runs."""

from datetime import timedelta

from sqlalchemy import Engine, delete, func, select

from control.db import ReadSession, WriteSession, read, write
from control.errors import NotFound
from control.lifecycle.models import Job
from control.lifecycle.states import TERMINAL
from control.short_jobs import service
from control.short_jobs.schemas import PreviewOut, PreviewResult, ShownThing
from control.short_jobs.trials import admit
from control.storage import Storage
from core.spec.job import JobSpec

KEPT = timedelta(days=1)
"""After its end a preview stays so long: it is looked at, and a job is submitted or changed."""


def create(session: WriteSession, project_id: str, spec: JobSpec, *, samples: int, step: int) -> Job:
    """Have a spec's inputs shown, on a worker that could run it: what it prepares of the data, the job finds there.

    Args:
        samples: How many of the step's batch, from its first on.
        step: Which step's crops, masks and turns.

    Raises:
        SeedbedError: whatever `admit` refuses.
    """
    admission = admit(session, project_id, spec)
    assert spec.dataset is not None
    return service.submit(
        session,
        "preview",
        spec,
        project_id=project_id,
        dataset_id=spec.dataset,
        device=spec.resources.device,
        memory_bytes=admission.estimate.memory_bytes,
        steps=1,
        options={"samples": samples, "step": step},
    )


def preview_out(session: ReadSession, short_job: Job) -> PreviewOut:
    """A preview as it goes over HTTP."""
    return PreviewOut.model_validate(
        {
            **service.facts(session, short_job),
            "spec": JobSpec.model_validate(short_job.spec),
            "samples": short_job.options["samples"],
            "step": short_job.options["step"],
            "result": None if short_job.result is None else PreviewResult(shown=_shown(short_job)),
        }
    )


def _shown(short_job: Job) -> list[ShownThing]:
    assert short_job.result is not None
    files = {file["path"]: file for file in short_job.result["files"]}
    return [
        ShownThing(
            name=one["name"],
            media_type=one["media_type"],
            bytes=files[one["file"]]["bytes"],
            sha256=files[one["file"]]["sha256"],
        )
        for one in short_job.result["shown"]
    ]


def shown_thing(short_job: Job, name: str) -> tuple[str, ShownThing]:
    """Where in storage something that a preview shows is, and what it is.

    Raises:
        NotFound: ``file_not_found``: it shows no such thing, or nothing yet.
    """
    if short_job.result is not None:
        for one, thing in zip(short_job.result["shown"], _shown(short_job), strict=True):
            if thing.name == name:
                return f"{short_job.result['prefix']}/{one['file']}", thing
    raise NotFound(
        "file_not_found",
        f"Preview {short_job.id} is {short_job.state} and shows no {name[:100]!r}; `result.shown` lists what it shows once it succeeded.",
        param="name",
    )


def forget_old(engine: Engine, storage: Storage, *, kept: timedelta = KEPT) -> list[str]:
    """Drop previews that ended longer ago than that, with all that they left in storage; their ids."""
    with read(engine) as session:
        old = session.scalars(
            select(Job.id).where(
                Job.purpose == "preview",
                Job.state.in_(TERMINAL),
                Job.finished_at < func.clock_timestamp() - kept,
            )
        ).all()
    for preview_id in old:
        # The files first: a row that is left is found again in the next round, files that nobody names are not.
        storage.delete_prefix(f"jobs/{preview_id}")
        with write(engine) as session:
            session.execute(delete(Job).where(Job.id == preview_id))
    return list(old)
