"""The models and methods that all kinds of short jobs share."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import ClassVar, Generic, TypeVar
from urllib.parse import quote

from pydantic import Field

from seedbed import downloads
from seedbed.errors import SeedbedError
from seedbed.models.base import TERMINAL, Page, Resource
from seedbed.models.checkpoints import CheckpointFile
from seedbed.models.jobs import Failure, WaitingReason
from seedbed.transport import Transport

WAIT_SECONDS = 10
"""Most seconds for which the service holds back the response of a long poll."""
PROGRESS_SECONDS = 1
"""Seconds of a long poll when the progress is shown, which needs responses in between."""


class ShortJob(Resource):
    """A short job: an estimate, a preview or an export."""

    id: str
    state: str
    """The same states as a job's."""
    waiting_reason: str | None = None
    waiting: WaitingReason | None = None
    phase: str | None = None
    phase_fraction: float | None = None
    worker: str | None = None
    failure: Failure | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether the short job is over."""
        return self.state in TERMINAL


class FilesShortJob(ShortJob):
    """A short job that makes files."""

    files: list[CheckpointFile] = Field(default_factory=list)
    bytes: int
    """Bytes of all files."""


ShortJobT = TypeVar("ShortJobT", bound=ShortJob)
FilesT = TypeVar("FilesT", bound=FilesShortJob)


class ShortJobs(Generic[ShortJobT]):
    """The short jobs of one kind; a subclass names the kind and its model."""

    kind: ClassVar[str]
    """Name in the service's paths: ``estimate`` for ``/v1/estimates``."""
    model: type[ShortJobT]

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self, short_job: str) -> ShortJobT:
        """One short job in its current state.

        Args:
            short_job: Its id.
        """
        return self.model.model_validate(self._transport.get(self._path(short_job)))

    def wait(self, short_job: str, *, on_progress: Callable[[ShortJobT], object] | None = None) -> ShortJobT:
        """Wait until the short job is over, and return it with its ``result`` or its ``failure``.

        Args:
            short_job: Its id.
            on_progress: Called with it about once a second.
        """
        seconds = WAIT_SECONDS if on_progress is None else PROGRESS_SECONDS
        while True:
            answer = self._transport.get(self._path(short_job), {"wait": seconds})
            found = self.model.model_validate(answer)
            if on_progress is not None:
                on_progress(found)
            if found.is_terminal:
                return found

    def cancel(self, short_job: str) -> ShortJobT:
        """Stop the short job, or remove it from the queue."""
        return self.model.model_validate(self._transport.post(f"{self._path(short_job)}/cancel"))

    def delete(self, short_job: str) -> None:
        """Delete a short job that is over, with the files that it made.

        Raises:
            Conflict: it is not over; cancel it first.
        """
        self._transport.delete(self._path(short_job))

    def _path(self, short_job: str) -> str:
        return f"/v1/{self.kind}s/{quote(short_job, safe='')}"


class ShownShortJobs(ShortJobs[ShortJobT]):
    """The short jobs of a kind that makes texts and pictures."""

    def content(self, short_job: str, name: str) -> bytes:
        """The text (UTF-8) or the picture (PNG) of one thing that ``result.shown`` lists."""
        return self._transport.content(f"{self._path(short_job)}/files/{quote(name, safe='')}")


class FilesShortJobs(ShortJobs[FilesT]):
    """The short jobs of a kind that makes files from a job's checkpoints."""

    def list(self, job: str) -> list[FilesT]:
        """The short jobs on a job's checkpoints, newest first."""
        answer = self._transport.get(f"/v1/jobs/{quote(job, safe='')}/{self.kind}s")
        return Page[self.model].model_validate(answer).data  # type: ignore[name-defined]  # known at run time

    def download(
        self,
        short_job: str | FilesT,
        directory: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        progress: downloads.Progress | None = None,
    ) -> Path:
        """Download its files into a directory, each checked against its hash; call this again to continue an aborted download.

        Args:
            short_job: The short job or its id.
            directory: Created if it does not exist.
            overwrite: Replace other files that have the same names.
            progress: Called with the bytes that were added since its last call (negative: downloaded again).

        Raises:
            SeedbedError: it is not finished.
            DownloadDamaged: the content of a file differed from its hash twice.
            InvalidFile: another file has the same name, or the directory cannot be written.
        """
        found = self.get(short_job) if isinstance(short_job, str) else short_job
        if found.state != "succeeded":
            raise SeedbedError(
                f"{self.kind.capitalize()} {found.id} is {found.state}: it has no files. Wait for it first."
            )
        place = Path(directory)
        download = downloads.Download(
            self._transport, self._path(found.id), found.id, place, progress=progress, overwrite=overwrite
        )
        download.run(found.files)
        return place
