"""Exports: checkpoints in other formats."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from seedbed import downloads
from seedbed.errors import SeedbedError
from seedbed.models import Export, Page
from seedbed.resources.short_jobs import wait
from seedbed.transport import Transport


class Exports:
    """``client.exports``; `Checkpoints.export` asks for one."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(self, job: str) -> list[Export]:
        """Exports of a job's checkpoints, newest first."""
        answer = self._transport.get(f"/v1/jobs/{quote(job, safe='')}/exports")
        return Page[Export].model_validate(answer).data

    def get(self, export: str) -> Export:
        return Export.model_validate(self._transport.get(_path(export)))

    def wait(self, export: str, *, on_progress: Callable[[Export], object] | None = None) -> Export:
        """The export once it is over: its ``files``, or its ``failure``.

        Args:
            export: Its id.
            on_progress: Told how it stands, about once a second.
        """
        return wait(self._transport, _path(export), Export, on_progress)

    def cancel(self, export: str) -> Export:
        """Nobody needs it any more."""
        return Export.model_validate(self._transport.post(f"{_path(export)}/cancel"))

    def delete(self, export: str) -> None:
        """Delete an export that is over, with its files.

        Raises:
            Conflict: it is not over; cancel it first.
        """
        self._transport.delete(_path(export))

    def download(
        self,
        export: str | Export,
        directory: str | os.PathLike[str],
        *,
        overwrite: bool = False,
        progress: downloads.Progress | None = None,
    ) -> Path:
        """Fetch an export's files into a directory, each checked against its hash; what was cut off goes on.

        Args:
            export: Its id, or itself.
            directory: Made if it is not there.
            overwrite: Replace files of the same names that are not this export's.
            progress: Called with the bytes that were added since its last call (negative: fetched again).

        Raises:
            SeedbedError: it is not finished.
            DownloadDamaged: a file arrived twice with other bytes than were made.
            InvalidFile: a file of the same name is there, or the directory cannot be written.
        """
        found = self.get(export) if isinstance(export, str) else export
        if found.state != "succeeded":
            raise SeedbedError(f"Export {found.id} is {found.state}: it has no files. Wait for it first.")
        place = Path(directory)
        download = downloads.Download(
            self._transport, _path(found.id), found.id, place, progress=progress, overwrite=overwrite
        )
        download.run(found.files)
        return place


def _path(export: str) -> str:
    return f"/v1/exports/{quote(export, safe='')}"
