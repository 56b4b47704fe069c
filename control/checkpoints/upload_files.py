"""The files of an upload of a checkpoint, while it is open (`control.checkpoints.uploads`)."""

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from control.checkpoints import repository
from control.checkpoints.uploads import checkpoint_id, files_of, find, prefix
from control.db import ReadSession, WriteSession, read, set_for_transaction, write
from control.errors import Conflict, Invalid
from control.lifecycle.models import Job
from control.quotas.service import require_kept, require_room
from control.storage import Stage, Storage
from core.checkpoints.manifest import CheckpointFile
from core.formats.errors import FormatError
from core.formats.published.names import check_name

MOST_FILES = 200
MOST_REPORT_BYTES = 8 << 20
"""Most bytes of JSON that an upload's row holds: the names and shapes of the tensors of all files, and the settings. Published models
of 100 billion parameters have less than 1 MiB."""


@dataclass(frozen=True)
class UploadFile:
    """A file of that name of an upload; it may not be there yet."""

    project_id: str
    checkpoint: str
    name: str

    def expect(self, engine: Engine) -> None:
        """Refuse a file that is sure to be refused, before its first byte is read.

        Raises:
            Invalid: a name that no file of a checkpoint has; NotFound: ``checkpoint_not_found``; Conflict: ``checkpoint_not_open``.
        """
        try:
            check_name(self.name)
        except FormatError as error:
            raise Invalid(error.code, f"{error}.", params=error.facts, param="file") from None
        with read(engine) as session:
            self._require_room(self._open(session))

    def bytes(self, session: ReadSession) -> int:
        """Its size; 0 if it is not there.

        Raises:
            NotFound: ``checkpoint_not_found``.
        """
        file = files_of(find(session, self.project_id, self.checkpoint)).get(self.name)
        return file["bytes"] if file else 0

    def keep(
        self, engine: Engine, storage: Storage, stage: Stage, report: dict[str, Any]
    ) -> tuple[CheckpointFile, bool]:
        """Put the staged file there; also returns whether it is new and replaces none.

        A file that is replaced leaves the upload's row in a transaction of its own first: wherever this is aborted, the row names
        no file whose object is gone or has another content.

        Raises:
            NotFound: ``checkpoint_not_found``; Conflict: ``checkpoint_not_open``; Invalid: ``checkpoint_misfit``;
            QuotaExceeded: ``quota_exceeded``.
        """
        replaced = self._unlist(engine, stage.bytes)
        while not self._add(engine, storage, stage, report, replaced=replaced):
            # Another request put a file of that name meanwhile; this one replaces it.
            replaced = self._unlist(engine, stage.bytes)
        return CheckpointFile(self.name, stage.bytes, stage.sha256), replaced is None

    def _unlist(self, engine: Engine, size: int) -> int | None:
        """Take the file out of the upload's row if one of `size` bytes may replace it, and return its size; None if it is not there."""
        with write(engine) as session:
            upload = self._open(session, lock=True)
            files = dict(files_of(upload))
            file = files.pop(self.name, None)
            if file is None:
                return None
            require_room(session, self.project_id, "checkpoints", size - file["bytes"], repository.taken)
            _set_files(upload, files)
            return int(file["bytes"])

    def _add(
        self, engine: Engine, storage: Storage, stage: Stage, report: dict[str, Any], *, replaced: int | None
    ) -> bool:
        """Store the staged file and list it in the upload's row; False if the row has one of that name.

        Args:
            replaced: The size of the file that it replaces, if it does.
        """
        try:
            with write(engine) as session:
                # Copying a large object in a bucket takes longer than the timeout of an idle transaction.
                set_for_transaction(session, "idle_in_transaction_session_timeout", "15min")
                upload = self._open(session, lock=True)
                if self.name in files_of(upload):
                    return False
                self._require_room(upload)
                added = {"bytes": stage.bytes, "sha256": stage.sha256, "report": report}
                _set_files(upload, files_of(upload) | {self.name: added})
                session.flush()
                if replaced is None or stage.bytes > replaced:
                    require_kept(session, self.project_id, "checkpoints", repository.taken)
                stage.commit(self._key(upload))
        except BaseException:
            with suppress(Exception):
                self._remove_unlisted(engine, storage)
            raise
        return True

    def _remove_unlisted(self, engine: Engine, storage: Storage) -> None:
        """Remove the file from storage, unless the row has it after all: a commit whose answer was lost may have succeeded."""
        with write(engine) as session:
            upload = find(session, self.project_id, self.checkpoint, lock=True)
            if upload.options["open"] and self.name not in files_of(upload):
                storage.delete(self._key(upload))

    def _open(self, session: ReadSession | WriteSession, *, lock: bool = False) -> Job:
        upload = find(session, self.project_id, self.checkpoint, lock=lock)
        if not upload.options["open"]:
            checkpoint = checkpoint_id(upload)
            raise Conflict(
                "checkpoint_not_open",
                f"Checkpoint {checkpoint} is complete and never changes. Begin another upload.",
                params={"checkpoint": checkpoint},
                param="checkpoint",
            )
        return upload

    def _require_room(self, upload: Job) -> None:
        files = files_of(upload)
        if len(files) >= MOST_FILES and self.name not in files:
            raise Invalid(
                "checkpoint_misfit",
                f"A checkpoint has {MOST_FILES} files at most.",
                params={"case": "files", "most": MOST_FILES},
                param="file",
            )

    def _key(self, upload: Job) -> str:
        return f"{prefix(upload)}/{self.name}"


def _set_files(upload: Job, files: dict[str, dict[str, Any]]) -> None:
    if len(json.dumps(files)) > MOST_REPORT_BYTES:
        raise Invalid(
            "checkpoint_misfit",
            f"The names and shapes of the tensors of all files have {MOST_REPORT_BYTES:,} bytes at most.",
            params={"case": "names", "most": MOST_REPORT_BYTES},
            param="file",
        )
    upload.options = {
        **upload.options,
        "files": files,
        "bytes": sum(file["bytes"] for file in files.values()),
    }
