"""Copies checkpoints to object storage beside the run, so that metrics go on flowing meanwhile."""

import hashlib
import json
import logging
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from control.errors import SeedbedError
from control.storage import Storage
from core.formats.checkpoint import MANIFEST
from worker.staging import link_tree

log = logging.getLogger(__name__)

_BACK_OFF_SECONDS = (0.5, 1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Uploaded:
    """A checkpoint that is wholly in storage, its manifest last."""

    step: int
    prefix: str
    manifest: dict[str, Any]
    manifest_sha256: str
    metrics: dict[str, float]


@dataclass(frozen=True)
class UploadFailed:
    """A checkpoint that will not reach storage."""

    step: int
    error: Exception


class Uploads:
    """One attempt's uploads, one at a time and in order.

    Args:
        storage: Where they go.
        prefix: ``jobs/ID/attempt-N``.
        directory: For links to the checkpoints, so that the engine may prune its own meanwhile.
        done: Told of each end, from the uploading thread.
        patience_seconds: A storage that does not answer is asked again for so long.
    """

    def __init__(
        self,
        storage: Storage,
        prefix: str,
        directory: Path,
        done: Callable[[Uploaded | UploadFailed], object],
        *,
        patience_seconds: float = 300.0,
    ) -> None:
        self._storage = storage
        self._prefix = prefix
        self._directory = directory
        self._done = done
        self._patience_seconds = patience_seconds
        self._abandoned = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="uploads")

    def checkpoint(self, event: Mapping[str, Any]) -> None:
        """Take a checkpoint over, as its event tells of it, and upload it in the background."""
        step = int(event["step"])
        ours = self._directory / f"step-{step:08d}"
        try:
            link_tree(Path(event["path"]), ours)
            manifest = (ours / MANIFEST).read_bytes()
        except OSError as error:
            # Only a supervisor that was stopped for long comes too late: the engine keeps its newest ones.
            self._done(UploadFailed(step, error))
            return
        if hashlib.sha256(manifest).hexdigest() != event["manifest_sha256"]:
            self._done(
                UploadFailed(step, ValueError(f"the manifest of step {step} changed before its upload"))
            )
            return
        metrics = {name: float(value) for name, value in event["metrics"].items()}
        self._thread.submit(self._upload, step, ours, manifest, metrics)

    def put(self, key: str, path: Path) -> Future[None]:
        """Upload one file after everything before it."""
        return self._thread.submit(self._persist, partial(self._storage.put_file, key, path))

    def abandon(self) -> None:
        """Stop trying, and wait for nothing; what is under way ends with the file it is at."""
        self._abandoned.set()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        """Wait for everything under way."""
        self._thread.shutdown()

    def _upload(self, step: int, directory: Path, manifest: bytes, metrics: dict[str, float]) -> None:
        document = json.loads(manifest)
        prefix = f"{self._prefix}/step-{step}"
        try:
            for name in [*(file["path"] for file in document["files"]), MANIFEST]:
                path = directory / name
                self._persist(partial(self._storage.put_file, f"{prefix}/{name}", path))
        except Exception as error:  # noqa: BLE001 - whatever it was, the supervisor decides what it means
            self._done(UploadFailed(step, error))
        else:
            self._done(Uploaded(step, prefix, document, hashlib.sha256(manifest).hexdigest(), metrics))
        finally:
            shutil.rmtree(directory, ignore_errors=True)

    def _persist(self, action: Callable[[], None]) -> None:
        """Do it, again and again while storage does not answer or is full.

        Raises:
            SeedbedError: it still failed after `patience_seconds`, or the upload was abandoned.
        """
        waited = 0.0
        for attempt in range(1_000_000):
            try:
                return action()
            except SeedbedError:
                pause = _BACK_OFF_SECONDS[min(attempt, len(_BACK_OFF_SECONDS) - 1)]
                waited += pause
                if waited > self._patience_seconds or self._abandoned.wait(pause):
                    raise
                log.warning("storage did not take an upload; trying again", exc_info=attempt == 0)
        return None
