"""Downloads a checkpoint's files and checks them against the manifest; a partial download is never left in place."""

import hashlib
import re
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Event, Lock
from typing import Self
from urllib.parse import quote

from seedbed.errors import (
    DownloadDamaged,
    InvalidFile,
    RateLimited,
    SeedbedError,
    ServerError,
    Unreachable,
    UnsafePath,
)
from seedbed.models import CheckpointFile
from seedbed.transport import Transport, pause

AT_ONCE = 4
MANIFEST = "manifest.json"
CARD = "README.md"
"""The model card, which is in no manifest: it changes when more is known of the checkpoint."""
TRAINER = "trainer/"
"""Folder of the files that only a resume needs."""

Progress = Callable[[int], None]
"""Called with the bytes that were added since the last call; negative if some have to be downloaded again."""

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def target(directory: Path, path: str) -> Path:
    """The local path of a downloaded file below the directory.

    Raises:
        UnsafePath: it would be outside the directory, or is not a portable path.
    """
    parts = path.split("/")
    plain = all(
        part not in {"", ".", ".."}
        and not set(part) & set('\\:*?"<>|')
        and part.isprintable()
        and not _RESERVED.fullmatch(part)
        for part in parts
    )
    place = directory.joinpath(*parts) if plain else directory
    # A symbolic link that is in the directory already may point anywhere.
    if not plain or not place.resolve().is_relative_to(directory.resolve()):
        raise UnsafePath(
            f"The service names a file {path!r}, which is no plain path below {directory}. Nothing was written; "
            "do not trust this service."
        )
    return place


class Download:
    """The download of a set of files (a checkpoint, or an export) into one directory.

    Args:
        resource: Its path in the service, such as ``/v1/checkpoints/ckpt_…``.
        name: Its id, for errors.
    """

    def __init__(
        self,
        transport: Transport,
        resource: str,
        name: str,
        directory: Path,
        *,
        progress: Progress | None = None,
        overwrite: bool = False,
    ) -> None:
        self._transport = transport
        self._resource = resource
        self._name = name
        self._directory = directory
        self._progress = progress or (lambda _: None)
        self._overwrite = overwrite
        self._stop = Event()
        self._lock = Lock()

    def run(self, files: Sequence[CheckpointFile]) -> None:
        """Download these files, a few at once; files that exist already with the right hash are kept.

        Raises:
            UnsafePath, InvalidFile, DownloadDamaged, ApiError, Unreachable
        """
        targets = {file.path: target(self._directory, file.path) for file in files}
        wanted = [file for file in files if not self._is_there(file, targets[file.path])]
        try:
            for file in wanted:
                targets[file.path].parent.mkdir(parents=True, exist_ok=True)
            with ThreadPoolExecutor(AT_ONCE) as pool:
                running = [pool.submit(self._fetch, file, targets[file.path]) for file in wanted]
                try:
                    wait(running, return_when=FIRST_EXCEPTION)
                finally:
                    self._stop.set()  # after an error or Ctrl-C the others end at their next chunk
                    for future in running:
                        future.cancel()
            for future in running:
                error = None if future.cancelled() else future.exception()
                if error is not None and not isinstance(error, _Stopped):
                    raise error
        except OSError as error:
            raise InvalidFile(f"{error.filename or self._directory}: {error.strerror or error}.") from error

    def manifest(self, sha256: str) -> None:
        """Download the manifest with that hash, with which training can resume from the directory."""
        place = target(self._directory, MANIFEST)
        for _ in range(2):
            content = self._transport.request("GET", self._path(MANIFEST)).content
            digest = hashlib.sha256(content).hexdigest()
            if digest == sha256:
                part = place.with_name(f"{MANIFEST}.part")
                part.write_bytes(content)
                part.replace(place)
                return
        raise DownloadDamaged(
            f"{MANIFEST} of {self._name} arrived twice with other bytes than it was written with; "
            "use another checkpoint of the job."
        )

    def card(self) -> None:
        """Download the model card as it is now, unless the directory has one (or the checkpoint was uploaded with one)."""
        place = target(self._directory, CARD)
        if place.exists() and not self._overwrite:
            return
        part = place.with_name(f"{CARD}.part")
        try:
            part.write_bytes(self._transport.content(self._path(CARD)))
            part.replace(place)
        except OSError as error:
            raise InvalidFile(f"{error.filename or self._directory}: {error.strerror or error}.") from error

    def _path(self, path: str) -> str:
        return f"{self._resource}/files/{quote(path)}"

    def _is_there(self, file: CheckpointFile, place: Path) -> bool:
        if not place.exists():
            return False
        if place.is_file() and place.stat().st_size == file.bytes and _sha256(place) == file.sha256:
            self._progress(file.bytes)
            return True
        if self._overwrite and place.is_file():
            return False
        raise InvalidFile(
            f"{place} exists and is not the file of {self._name}. Name another directory, or have it replaced (`overwrite=True`, `--force`)."
        )

    def _fetch(self, file: CheckpointFile, place: Path) -> None:
        path = place.with_name(f"{place.name}.part")
        for _ in range(2):
            with _Part(path, file.bytes, self._report) as part:
                self._fill(part, file)
                digest = part.sha256()
                if digest != file.sha256:
                    part.restart()
            if digest == file.sha256:
                path.replace(place)
                return
        path.unlink()
        raise DownloadDamaged(
            f"{file.path} of {self._name} arrived twice with other bytes than its manifest says "
            f"(sha256 {digest}, expected {file.sha256}). The copy in the service's storage may be damaged; "
            "use another checkpoint of the job."
        )

    def _fill(self, part: "_Part", file: CheckpointFile) -> None:
        """Download the missing bytes; reconnects again and again as long as each connection brings some."""
        barren = 0
        while part.size < part.whole:
            before = part.size
            error: SeedbedError = Unreachable(f"{file.path} ended after {part.size} of {file.bytes} bytes.")
            try:
                self._receive(part, file)
            except (Unreachable, ServerError, RateLimited) as caught:
                error = caught
            if self._stop.is_set():
                raise _Stopped
            if part.size < part.whole:
                barren = 0 if part.size > before else barren + 1
                if barren > self._transport.retries:
                    raise error
                pause(barren)

    def _receive(self, part: "_Part", file: CheckpointFile) -> None:
        headers = {"Accept-Encoding": "identity"}
        if part.size:
            headers |= {"Range": f"bytes={part.size}-", "If-Range": f'"{file.sha256}"'}
        with self._transport.stream(self._path(file.path), headers=headers) as response:
            begins = f"bytes {part.size}-"
            if part.size and not response.headers.get("Content-Range", "").startswith(begins):
                part.restart()
            # Written as received, not buffered: a buffer would be lost with the connection.
            for chunk in response.iter_bytes():
                part.write(chunk)
                if self._stop.is_set() or part.size == part.whole:
                    return

    def _report(self, count: int) -> None:
        with self._lock:
            self._progress(count)


class _Stopped(SeedbedError):
    """Stops a download because another file failed or Ctrl-C was pressed; the caller gets that error instead."""


class _Part:
    """A file that is being downloaded; the bytes of an earlier, aborted download are used."""

    def __init__(self, path: Path, whole: int, report: Progress) -> None:
        self.whole = whole
        self._report = report
        self._file = path.open("a+b", buffering=0)
        self._file.seek(0)
        self._hash = hashlib.file_digest(self._file, "sha256")
        self.size = self._file.tell()
        self._report(self.size)
        if self.size > whole:
            self.restart()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, chunk: bytes) -> None:
        """Append; bytes beyond the expected length are dropped."""
        chunk = chunk[: self.whole - self.size]
        self._file.write(chunk)
        self._hash.update(chunk)
        self.size += len(chunk)
        self._report(len(chunk))

    def restart(self) -> None:
        self._file.truncate(0)
        self._hash = hashlib.sha256()
        self._report(-self.size)
        self.size = 0

    def sha256(self) -> str:
        return self._hash.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
