"""Uploads checkpoints, samples and files of a run to object storage in a thread of its own, so that metrics are not delayed."""

import contextlib
import hashlib
import json
import logging
import re
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from control.errors import SeedbedError
from control.storage import Storage, StorageFull
from core.checkpoints.manifest import MANIFEST, describe_files, sha256_of
from worker.room import NoRoom, Room
from worker.staging import link, link_tree

log = logging.getLogger(__name__)

_BACK_OFF_SECONDS = (0.5, 1.0, 2.0, 5.0)

_SAMPLE_BYTES: dict[str, int] = {"text/plain": 1 << 20, "image/png": 8 << 20, "application/json": 8 << 20}
"""Most bytes of a sample that is kept, by media type."""
_SAMPLES_WAITING = 256
"""Most samples that wait for their upload; more are dropped, because the run must never wait for them."""
_SAMPLE_PATIENCE = 1.0
"""Seconds for which the upload of a sample is tried again while storage does not answer."""
_SAMPLE_NAME = re.compile(r"[a-z0-9_]{1,100}")


@dataclass(frozen=True)
class Uploaded:
    """A checkpoint whose files are all in storage; its manifest was uploaded last."""

    step: int
    prefix: str
    manifest: dict[str, Any]
    manifest_sha256: str
    metrics: dict[str, float]


@dataclass(frozen=True)
class UploadFailed:
    """The upload of a checkpoint, or of the files of a short job, has failed for good."""

    step: int | None
    """The checkpoint's; None: it is what a short job made."""
    error: Exception

    @property
    def what(self) -> str:
        """As in "``what`` did not reach storage"."""
        return "What was made" if self.step is None else f"The checkpoint of step {self.step}"


@dataclass(frozen=True)
class Refused:
    """A checkpoint, or the files of a short job, for which there is no room; nothing of it is left in storage."""

    step: int | None
    """The checkpoint's; None: it is what a short job made."""
    error: NoRoom


@dataclass(frozen=True)
class SampleUploaded:
    """A sample that is in storage."""

    step: int
    name: str
    media_type: str
    bytes: int
    sha256: str
    key: str


@dataclass(frozen=True)
class SampleDropped:
    """A sample that is not stored; the run goes on without it."""

    step: int
    name: str
    reason: str
    error: NoRoom | None = None
    """The shortage, where there is no room for it."""


@dataclass(frozen=True)
class FilesUploaded:
    """All files of a short job are in storage."""

    prefix: str
    files: list[dict[str, Any]]
    """``path``, ``bytes`` and ``sha256`` of each, as in a manifest."""


@dataclass(frozen=True)
class Superseded:
    """A checkpoint that the engine pruned for newer ones before this process could link it. The job keeps the newer ones."""

    step: int


Upload = Uploaded | UploadFailed | Refused | Superseded | SampleUploaded | SampleDropped | FilesUploaded


class Uploads:
    """One attempt's uploads, one at a time and in order.

    Args:
        storage: The storage to upload to.
        prefix: ``jobs/ID/attempt-N``.
        directory: For links to the checkpoints, so that the engine may prune its own meanwhile.
        done: Called at the end of each upload, from the uploading thread.
        room: Called before anything is stored; None means that there is always room.
        retry_seconds: Seconds for which an upload is tried again while storage does not answer.
    """

    def __init__(
        self,
        storage: Storage,
        prefix: str,
        directory: Path,
        done: Callable[[Upload], object],
        *,
        room: Room | None = None,
        retry_seconds: float = 300.0,
    ) -> None:
        self._storage = storage
        self._prefix = prefix
        self._directory = directory
        self._done = done
        self._room = room
        self._retry_seconds = retry_seconds
        self._abandoned = threading.Event()
        self._samples_waiting = 0
        self._missed: list[tuple[int, FileNotFoundError]] = []
        """Checkpoints that were pruned before they could be linked, since the last one that was linked."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="uploads")

    def checkpoint(self, event: Mapping[str, Any]) -> None:
        """Link a checkpoint that an event reports, and upload it in the background."""
        step = int(event["step"])
        ours = self._directory / f"step-{step:08d}"
        try:
            manifest = self._take_checkpoint(Path(event["path"]), ours, event["manifest_sha256"])
        except FileNotFoundError as error:
            # Only a supervisor that was held up for long comes too late: the engine keeps its newest ones.
            shutil.rmtree(ours, ignore_errors=True)
            self._missed.append((step, error))
            return
        except (OSError, ValueError) as error:
            self._done(UploadFailed(step, error))
            return
        for missed, _ in self._missed:
            self._done(Superseded(missed))
        self._missed.clear()
        metrics = {name: float(value) for name, value in event["metrics"].items()}
        self._thread.submit(self._upload, step, ours, manifest, metrics)

    def no_more(self) -> None:
        """The engine reports no more checkpoints, so a missed one counts as a failed upload."""
        for step, error in self._missed:
            self._done(UploadFailed(step, error))
        self._missed.clear()

    def sample(self, event: Mapping[str, Any]) -> None:
        """Link a sample that an event reports, and upload it in the background; calls `done` in any case."""
        step, name, media_type = int(event["step"]), str(event["name"]), str(event["media_type"])
        try:
            ours = self._take_sample(Path(event["path"]), step, name, media_type)
        except (OSError, ValueError) as error:
            self._done(SampleDropped(step, name, str(error)))
            return
        self._samples_waiting += 1
        self._thread.submit(self._upload_sample, step, name, media_type, ours)

    def files(self, directory: Path) -> None:
        """Upload every file that a short job left in a directory, in the background."""
        self._thread.submit(self._upload_files, directory)

    def put(self, key: str, path: Path) -> Future[None]:
        """Upload one file after everything before it."""
        return self._thread.submit(self._persist, partial(self._storage.put_file, key, path))

    def abandon(self) -> None:
        """Cancel the uploads without waiting; a running one ends after its current file."""
        self._abandoned.set()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Wait until all uploads have ended."""
        self._thread.shutdown()

    def _upload(self, step: int, directory: Path, manifest: bytes, metrics: dict[str, float]) -> None:
        document = json.loads(manifest)
        prefix = f"{self._prefix}/step-{step}"
        try:
            size = sum(file["bytes"] for file in document["files"])
            if self._room and (error := self._room.for_checkpoint(step, size, metrics)):
                self._done(Refused(step, error))
                return
            for name in [*(file["path"] for file in document["files"]), MANIFEST]:
                path = directory / name
                self._persist(partial(self._storage.put_file, f"{prefix}/{name}", path))
        except StorageFull as full:
            self._refuse(step, full, prefix)
        except Exception as error:  # noqa: BLE001 - whatever it was, the supervisor decides what it means
            self._done(UploadFailed(step, error))
        else:
            self._done(Uploaded(step, prefix, document, hashlib.sha256(manifest).hexdigest(), metrics))
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _take_checkpoint(self, source: Path, ours: Path, manifest_sha256: str) -> bytes:
        """Make hard links of our own to its files, and return its manifest.

        Raises:
            FileNotFoundError: it was removed, or is being removed.
            OSError: its files cannot be linked or copied.
            ValueError: its manifest is not the one that the engine reported.
        """
        link_tree(source, ours)
        manifest = (ours / MANIFEST).read_bytes()
        if hashlib.sha256(manifest).hexdigest() != manifest_sha256:
            raise ValueError("its manifest changed before its upload")
        for file in json.loads(manifest)["files"]:
            # A removal under way may have taken some files and left the manifest.
            (ours / file["path"]).stat()
        return manifest

    def _take_sample(self, path: Path, step: int, name: str, media_type: str) -> Path:
        """Make a hard link of our own to its file.

        Raises:
            OSError: the file is not there.
            ValueError: it is not one that is kept; the message says why.
        """
        if _SAMPLE_NAME.fullmatch(name) is None:
            raise ValueError("its name is not lower-case words")
        limit = _SAMPLE_BYTES.get(media_type)
        if limit is None:
            raise ValueError(f"its media type {media_type} is not one that can be shown")
        size = path.stat().st_size
        if size > limit:
            raise ValueError(f"it has {size:,} bytes, and {limit:,} are kept at most")
        if self._samples_waiting >= _SAMPLES_WAITING:
            raise ValueError("storage is slower than the run, and many wait already")
        ours = self._directory / "samples" / f"{step}-{name}"
        ours.unlink(missing_ok=True)
        link(path, ours)
        return ours

    def _upload_sample(self, step: int, name: str, media_type: str, ours: Path) -> None:
        key = f"{self._prefix}/samples/step-{step}/{name}/content"
        try:
            size, sha256 = ours.stat().st_size, sha256_of(ours)
            if self._room and (no_room := self._room.for_more("samples", size)):
                self._done(SampleDropped(step, name, no_room.detail, no_room))
                return
            self._persist(partial(self._storage.put_file, key, ours), retry_seconds=_SAMPLE_PATIENCE)
        except Exception as error:  # noqa: BLE001 - a sample never fails a run
            self._done(SampleDropped(step, name, str(error)))
        else:
            self._done(SampleUploaded(step, name, media_type, size, sha256, key))
        finally:
            self._samples_waiting -= 1
            ours.unlink(missing_ok=True)

    def _refuse(self, step: int | None, error: NoRoom, prefix: str) -> None:
        """Report something that did not fit, and remove the part of it that was uploaded."""
        with contextlib.suppress(SeedbedError):
            self._storage.delete_prefix(prefix)
        self._done(Refused(step, error))

    def _upload_files(self, directory: Path) -> None:
        prefix = f"{self._prefix}/files"
        try:
            files = describe_files(directory)
            size = sum(file.bytes for file in files)
            if self._room and (error := self._room.for_more("exports", size)):
                self._done(Refused(None, error))
                return
            for file in files:
                self._persist(partial(self._storage.put_file, f"{prefix}/{file.path}", directory / file.path))
        except StorageFull as full:
            self._refuse(None, full, prefix)
        except Exception as error:  # noqa: BLE001 - whatever it was, the supervisor decides what it means
            self._done(UploadFailed(None, error))
        else:
            self._done(FilesUploaded(prefix, [asdict(file) for file in files]))

    def _persist(self, action: Callable[[], None], *, retry_seconds: float | None = None) -> None:
        """Call ``action``, again while storage does not answer or is full.

        Raises:
            SeedbedError: it still failed after that time (default: the upload's), or the upload was abandoned.
        """
        retry_limit = self._retry_seconds if retry_seconds is None else retry_seconds
        waited = 0.0
        for attempt in range(1_000_000):
            try:
                return action()
            except SeedbedError:
                pause = _BACK_OFF_SECONDS[min(attempt, len(_BACK_OFF_SECONDS) - 1)]
                waited += pause
                if waited > retry_limit or self._abandoned.wait(pause):
                    raise
                log.warning("storage did not take an upload; trying again", exc_info=attempt == 0)
        return None


def _checkpoint(step: int) -> str:
    return f"The checkpoint of step {step}"
