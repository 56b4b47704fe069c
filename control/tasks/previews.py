"""Previews: what a job's networks would see of a handful of samples, shown before the job runs."""

from datetime import timedelta

from sqlalchemy import Engine, delete, func, select

from control.db import ReadSession, WriteSession, read, write
from control.errors import NotFound
from control.jobs.models import Job
from control.jobs.states import TERMINAL
from control.storage import Storage
from control.tasks import service
from control.tasks.schemas import PreviewOut, PreviewResult, ShownThing
from control.tasks.trials import admit
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


def preview_out(session: ReadSession, task: Job) -> PreviewOut:
    """A preview as it goes over HTTP."""
    return PreviewOut.model_validate(
        {
            **service.facts(session, task),
            "spec": JobSpec.model_validate(task.spec),
            "samples": task.options["samples"],
            "step": task.options["step"],
            "result": None if task.result is None else PreviewResult(shown=_shown(task)),
        }
    )


def _shown(task: Job) -> list[ShownThing]:
    assert task.result is not None
    files = {file["path"]: file for file in task.result["files"]}
    return [
        ShownThing(
            name=one["name"],
            media_type=one["media_type"],
            bytes=files[one["file"]]["bytes"],
            sha256=files[one["file"]]["sha256"],
        )
        for one in task.result["shown"]
    ]


def shown_thing(task: Job, name: str) -> tuple[str, ShownThing]:
    """Where in storage something that a preview shows is, and what it is.

    Raises:
        NotFound: ``file_not_found``: it shows no such thing, or nothing yet.
    """
    if task.result is not None:
        for one, thing in zip(task.result["shown"], _shown(task), strict=True):
            if thing.name == name:
                return f"{task.result['prefix']}/{one['file']}", thing
    raise NotFound(
        "file_not_found",
        f"Preview {task.id} is {task.state} and shows no {name[:100]!r}; `result.shown` lists what it shows once it succeeded.",
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
