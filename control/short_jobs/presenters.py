"""Rows of short jobs → schemas for HTTP, and the files that they show."""

from dataclasses import dataclass
from typing import Any, TypeVar, cast

from control.checkpoints.schemas import CheckpointFile
from control.db import ReadSession
from control.errors import NotFound
from control.lifecycle.models import Job
from control.lifecycle.schemas import Failure
from control.samples.schemas import MediaType
from control.scheduling.waiting import waiting_reasons
from control.short_jobs.kind import Kind, ShortJobOut
from core.spec.stored import stored

OutT = TypeVar("OutT", bound=ShortJobOut)


def short_job_out(session: ReadSession, kind: Kind[OutT], row: Job) -> OutT:
    """The HTTP schema of a short job."""
    return kind.out.model_validate(
        {
            **_facts(session, row),
            **_asked(kind, row),
            "result": None if row.result is None else kind.result(row.result),
        }
    )


def _facts(session: ReadSession, row: Job) -> dict[str, Any]:
    """The fields that all kinds have."""
    waiting = waiting_reasons(session, [row]).get(row.id)
    return {
        "id": row.id,
        "state": row.state,
        "waiting_reason": None if waiting is None else waiting.message,
        "waiting": waiting,
        "phase": row.phase,
        "phase_fraction": row.phase_fraction,
        "worker": row.worker_id,
        "failure": None if row.failure is None else Failure.model_validate(row.failure),
        "created_at": row.created_at,
        "started_at": row.started_at,
        "finished_at": row.finished_at,
    }


def _asked(kind: Kind[Any], row: Job) -> dict[str, Any]:
    """The fields of the request and of the files, as far as the kind's schema has them."""
    files = [CheckpointFile.model_validate(file) for file in (row.result or {}).get("files", ())]
    offered = {
        **row.options,
        "checkpoint": row.parent_checkpoint_id,
        "job": row.parent_job_id,
        "files": files,
        "bytes": sum(file.bytes for file in files),
    }
    fields = {name: value for name, value in offered.items() if name in kind.out.model_fields}
    if "spec" in kind.out.model_fields:
        fields["spec"] = stored(row.spec)
    return fields


@dataclass(frozen=True)
class ShownFile:
    """A text or a picture that a short job shows."""

    key: str
    """Where it is in storage."""
    media_type: MediaType
    bytes: int
    sha256: str


def shown(row: Job, name: str) -> ShownFile:
    """One of the texts and pictures of a short job whose `Kind.files` is ``shown``.

    Raises:
        NotFound: ``file_not_found``: it has no file of that name, or none yet.
    """
    result = row.result or {"shown": [], "files": []}
    files = {file["path"]: file for file in result["files"]}
    for one in result["shown"]:
        if one["name"] == name:
            file = files[one["file"]]
            media_type = cast("MediaType", one["media_type"])
            return ShownFile(f"{result['prefix']}/{one['file']}", media_type, file["bytes"], file["sha256"])
    raise NotFound(
        "file_not_found",
        f"{row.purpose.capitalize()} {row.id} is {row.state} and shows no {name[:100]!r}; `result.shown` lists what it shows "
        "once it succeeded.",
        param="name",
        params={"case": "short_job", "name": name, "id": row.id, "kind": row.purpose, "state": row.state},
    )
