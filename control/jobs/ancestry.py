"""The earlier stages of a job with ``continual``: the jobs that its checkpoint goes back to, and whether their data are there."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from control.checkpoints.models import Checkpoint
from control.datasets import repository as datasets
from control.db import ReadSession, WriteSession
from control.jobs import repository
from control.lifecycle.models import Job
from control.schemas import ProblemDetail
from core.spec.continual import MOST_STAGES, Ancestor, Continual
from core.spec.job import JobSpec
from core.spec.stored import stored

HOOKS = "trainer/hooks.safetensors"
"""The file of a checkpoint that keeps, among others, the Fisher information of the stages so far."""
_NAMED = 5


@dataclass(frozen=True)
class Ancestry:
    """Result of `find_ancestors`."""

    spec: JobSpec
    """The spec with ``continual.ancestors``."""
    errors: list[ProblemDetail] = field(default_factory=list)
    lasting: list[ProblemDetail] = field(default_factory=list)
    """Warnings that stay true; they are stored with the job."""


def find_ancestors(
    session: ReadSession, project_id: str, spec: JobSpec, start: Checkpoint | None
) -> Ancestry:
    """Fill in the earlier stages of a spec with ``continual``, and check that its methods have the data that they need.

    Where the session writes, the rows of the stages' datasets are locked until the commit, so that none is deleted before.

    Args:
        start: The checkpoint that the job starts from; None where it was refused.
    """
    if spec.continual is None or start is None:
        return Ancestry(spec)
    lineage = repository.origins(session, start.job_id, MOST_STAGES + 1)
    known = ancestors_of(lineage, spec.task.kind)
    if len(known) > MOST_STAGES:
        message = f"a job has at most {MOST_STAGES} earlier stages; leave continual out, or start from an earlier checkpoint"
        return Ancestry(
            spec, [_unfit("continual.ancestors", "too_many_stages", message, case="job", most=MOST_STAGES)]
        )
    wanted = [one.dataset for one in known if one.dataset is not None]
    there = datasets.among(session, project_id, wanted, lock=session.writes)
    found = tuple(one if one.dataset in there else one.model_copy(update={"dataset": None}) for one in known)
    given = spec.continual.ancestors
    filled = spec.model_copy(update={"continual": spec.continual.model_copy(update={"ancestors": found})})
    errors = []
    if given and _without_names(given, found) != _without_names(found, found):
        errors.append(
            _unfit(
                "continual.ancestors",
                "ancestors_differ",
                "the earlier stages are the jobs that the checkpoint goes back to, and the service fills them in; leave "
                "ancestors out",
            )
        )
    keeps_fisher = _keeps_fisher(lineage[0], start)
    error = _needs_data(spec.continual, found, keeps_fisher=keeps_fisher)
    if error is not None:
        return Ancestry(filled, [*errors, error])
    return Ancestry(filled, errors, _deleted(spec.continual, found, keeps_fisher=keeps_fisher))


def ancestors_of(lineage: Sequence[Job], kind: str) -> list[Ancestor]:
    """The stages before a job that starts from the first of these, oldest first.

    Args:
        lineage: A job, the one that it started from, and so on. What another task, or an upload, has left in the weights is
        no stage that could be measured.
        kind: Of the job's task.
    """
    found: list[Ancestor] = []
    for job in lineage:
        if job.purpose != "train" or job.spec["task"]["kind"] != kind:
            break
        spec = stored(job.spec)
        found.append(Ancestor(job=job.id, name=job.name, dataset=job.dataset_id, data=spec.data))
        if spec.continual is not None:
            # Found when it was submitted; some of these jobs may have been deleted since.
            found.extend(reversed(spec.continual.ancestors))
            break
        if spec.start is None or spec.start.scope not in {"all", "weights"}:
            break
    return found[::-1]


def missing_data(session: WriteSession, job: Job) -> str | None:
    """The dataset of an earlier stage that the job's spec names and that was deleted since. The rows of the others are locked
    against changes until the transaction ends."""
    ancestors = (job.spec.get("continual") or {}).get("ancestors", [])
    wanted = [one["dataset"] for one in ancestors if one["dataset"] is not None]
    there = datasets.among(session, job.project_id, wanted, lock=True)
    return next((dataset for dataset in wanted if dataset not in there), None)


def _without_names(given: Sequence[Ancestor], found: Sequence[Ancestor]) -> list[dict[str, Any]]:
    """What must agree: names of jobs may change, and datasets be deleted, after a spec was read from the service."""
    gone = {one.job for one in found if one.dataset is None}
    documents = [one.model_dump(exclude={"name"}) for one in given]
    return [one | {"dataset": None} if one["job"] in gone else one for one in documents]


def _keeps_fisher(owner: Job, start: Checkpoint) -> bool:
    continual = owner.spec.get("continual") or {}
    paths = {file["path"] for file in start.manifest["files"]}
    return continual.get("ewc") is not None and HOOKS in paths


def _needs_data(
    continual: Continual, found: Sequence[Ancestor], *, keeps_fisher: bool
) -> ProblemDetail | None:
    """The method that has nothing to work with, if there is one."""
    if any(one.dataset is not None for one in found):
        return None
    jobs = [one.job for one in found][:_NAMED]
    gone = "were deleted" if found else "are not known, because no job of this service trained it on them"
    if continual.replay is not None:
        return _unfit(
            "continual.replay",
            "earlier_data_gone",
            f"replay draws from the data that the checkpoint learned from, and these {gone}; leave replay out, or use lwf, which "
            "needs none",
            case="replay",
            jobs=jobs,
            gone=gone,
        )
    if continual.ewc is not None and not keeps_fisher:
        return _unfit(
            "continual.ewc",
            "earlier_data_gone",
            "the checkpoint keeps no Fisher information, which is then computed from the data that it learned from, and these "
            f"{gone}; leave ewc out, or use lwf, which needs none",
            case="ewc",
            jobs=jobs,
            gone=gone,
        )
    return None


def _deleted(continual: Continual, found: Sequence[Ancestor], *, keeps_fisher: bool) -> list[ProblemDetail]:
    """A warning about the stages whose data were deleted: what still works, and what does not."""
    gone = [one.job for one in found if one.dataset is None]
    if not gone:
        return []
    named = ", ".join(gone[:_NAMED])
    more = max(0, len(gone) - _NAMED)
    further = f" and {more} more" if more else ""
    works = [name for name in ("lwf", "ewc") if name == "lwf" or keeps_fisher]
    lost = ["replay"] if continual.replay is not None else []
    lost += ["ewc"] if continual.ewc is not None and not keeps_fisher else []
    passed_over = f"; {' and '.join(lost)} will pass over them" if lost else ""
    protecting = " and ".join(works)
    return [
        ProblemDetail(
            param="continual",
            code="earlier_data_deleted",
            message=(
                f"the datasets of {named}{further} were deleted, so that forgetting of these stages cannot be measured{passed_over}; "
                f"{protecting} still protects what was learned from them"
            ),
            params={
                "named": named,
                "further": further,
                "passed_over": passed_over,
                "protecting": protecting,
                "jobs": gone[:_NAMED],
                "more": more,
                "lost": lost,
                "works": works,
            },
        )
    ]


def _unfit(param: str, code: str, message: str, **params: Any) -> ProblemDetail:
    return ProblemDetail(param=param, code=code, message=message, params=params)
