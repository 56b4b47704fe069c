"""Checkpoints that people upload, in the layout of `transformers`: open while files are added, then a checkpoint like others.

The row of an upload is a job of the purpose ``upload`` that has ended before it began: whatever works on a checkpoint reads the spec of
its job, and finds here one of a job that could have written it. No list of jobs shows it (docs/decisions/0020).
"""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Engine

from control.checkpoints import repository
from control.checkpoints.models import Checkpoint
from control.checkpoints.schemas import CheckpointUploadIn
from control.db import ReadSession, WriteSession, now, write
from control.errors import Invalid, NotFound
from control.ids import new_id
from control.lifecycle import repository as lifecycle
from control.lifecycle.models import Job
from control.removals.service import remove_prefixes
from control.storage import Storage
from core.checkpoints.manifest import MANIFEST, CheckpointFile, Manifest
from core.formats.errors import FormatError
from core.formats.published.checking import check_checkpoint
from core.spec.job import JobSpec


def create(session: WriteSession, project_id: str, body: CheckpointUploadIn) -> Job:
    """A new upload, open for files."""
    at = now(session)
    row = Job(
        id=new_id("upl"),
        project_id=project_id,
        purpose=repository.UPLOAD,
        name=body.name,
        spec={},
        options={"open": True, "files": {}, "bytes": 0},
        state="succeeded",
        finished_at=at,
        steps=1,
    )
    session.add(row)
    session.flush()
    session.refresh(row)
    return row


def checkpoint_id(upload: Job) -> str:
    """The id of the checkpoint that an upload becomes."""
    return "ckpt_" + upload.id.removeprefix("upl_")


def is_uploaded(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint was uploaded, and written by no job."""
    return checkpoint.job_id.startswith("upl_")


def prefix(upload: Job) -> str:
    """Where its files are in storage."""
    return f"jobs/{upload.id}/attempt-0/step-0"


def files_of(upload: Job) -> dict[str, dict[str, Any]]:
    """``bytes``, ``sha256`` and ``report`` of each of its files, by name."""
    found: dict[str, dict[str, Any]] = upload.options["files"]
    return found


def find(session: ReadSession, project_id: str, checkpoint: str, *, lock: bool = False) -> Job:
    """The upload that became, or will become, a checkpoint.

    Raises:
        NotFound: ``checkpoint_not_found``.
    """
    upload_id = "upl_" + checkpoint.removeprefix("ckpt_")
    if lock:
        assert isinstance(session, WriteSession)
        row = lifecycle.lock_of_project(session, project_id, upload_id, purpose=repository.UPLOAD)
    else:
        row = lifecycle.of_project(session, project_id, upload_id, purpose=repository.UPLOAD)
    if row is None:
        raise NotFound(
            "checkpoint_not_found",
            f"There is no upload of a checkpoint {checkpoint} in this project. POST /v1/checkpoints begins one.",
            params={"case": "upload", "checkpoint": checkpoint},
            param="checkpoint",
        )
    return row


def open_upload(session: WriteSession, project_id: str, checkpoint: str) -> Job | None:
    """The upload of this id, locked, if it is still open."""
    try:
        upload = find(session, project_id, checkpoint, lock=True)
    except NotFound:
        return None
    return upload if upload.options["open"] else None


def complete(session: WriteSession, storage: Storage, project_id: str, checkpoint: str) -> Checkpoint:
    """Check the files against each other and make the checkpoint of them. Completing it again changes nothing.

    Raises:
        NotFound: ``checkpoint_not_found``.
        Invalid: ``checkpoint_incomplete``, ``checkpoint_misfit``, ``checkpoint_unsupported``; it stays open then.
    """
    upload = find(session, project_id, checkpoint, lock=True)
    if not upload.options["open"]:
        known = repository.of_project(session, project_id, checkpoint)
        if known is None:
            raise NotFound(
                "checkpoint_not_found",
                f"Checkpoint {checkpoint} was deleted.",
                params={"case": "deleted", "checkpoint": checkpoint},
                param="checkpoint",
            )
        return known
    files = files_of(upload)
    spec, parameters = _derived(upload)
    manifest = Manifest(
        step=0,
        spec_sha256="",
        data_key="",
        created=datetime.now(UTC).isoformat(timespec="milliseconds"),
        metrics={},
        files=tuple(
            CheckpointFile(name, file["bytes"], file["sha256"]) for name, file in sorted(files.items())
        ),
    )
    content = manifest.encode()
    storage.put_stream(f"{prefix(upload)}/{MANIFEST}", [content])
    upload.spec = spec.model_dump(mode="json")
    # The reports were for this check alone.
    upload.options = {"open": False, "files": {}, "bytes": 0, "parameters": parameters}
    found = Checkpoint(
        id=checkpoint_id(upload),
        job_id=upload.id,
        attempt=0,
        step=0,
        prefix=prefix(upload),
        manifest=json.loads(content),
        manifest_sha256=hashlib.sha256(content).hexdigest(),
        bytes=manifest.total_bytes,
    )
    session.add(found)
    session.flush()
    session.refresh(found)
    return found


def _derived(upload: Job) -> tuple[JobSpec, int]:
    try:
        published = check_checkpoint({name: file["report"] for name, file in files_of(upload).items()})
    except FormatError as error:
        raise Invalid(error.code, f"{error}.", params=error.facts, param="checkpoint") from None
    try:
        return JobSpec.model_validate(published.document | {"name": upload.name}), published.parameters
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or str(first.get("ctx", {}).get("param", "model"))
        reason = str(first["msg"])
        raise Invalid(
            "checkpoint_unsupported",
            f"config.json: such a network cannot be trained here: {where}: {reason}.",
            params={"case": "network", "where": where, "reason": reason},
            param="checkpoint",
        ) from None


def remove_abandoned(engine: Engine, storage: Storage, after: timedelta) -> int:
    """Delete uploads that nobody completed; returns how many."""
    with write(engine) as session:
        found = repository.abandoned(session, after)
        for upload in found:
            discard(session, storage, upload)
    return len(found)


def discard(session: WriteSession, storage: Storage, upload: Job) -> None:
    """Delete an open upload; its files leave the storage after the commit."""
    removed = f"jobs/{upload.id}"
    session.delete(upload)
    session.flush()
    remove_prefixes(session, storage, [removed])
