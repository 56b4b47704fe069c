"""Local directories of the checkpoints that predictions use."""

import shutil
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

from control.errors import SeedbedError
from control.predictions.request import PredictionRequest
from control.storage import StorageNotFound
from worker.resources import WorkerResources
from worker.staging import DamagedError, fetch, inside, link


class StagingFailure(Exception):
    """A request's files cannot be fetched."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ModelFiles:
    """One directory for each checkpoint, below one of the cache's run directories, with links to files of the cache.

    Args:
        stopped: Asked between blocks of a long copy; raises to abort it.
    """

    def __init__(self, resources: WorkerResources, directory: Path, stopped: Callable[[], object]) -> None:
        self._resources = resources
        self._directory = directory
        self._stopped = stopped

    def stage(self, request: PredictionRequest) -> dict[str, Any]:
        """Fetch what the request needs, and return the fields ``directory`` and ``files`` of its message.

        Raises:
            StagingFailure: a file is gone, damaged or cannot be stored.
        """
        try:
            target = self._directory / request.checkpoint_id
            if not target.exists():
                self._stage_checkpoint(request, target)
            return {"directory": str(target), "files": self._stage_dataset(request, target)}
        except (DamagedError, StorageNotFound) as error:
            raise StagingFailure(
                "checkpoint_damaged", f"A file that it needs is not whole in storage: {error}."
            ) from error
        except SeedbedError as error:
            raise StagingFailure(error.code, error.detail) from error
        except OSError as error:
            raise StagingFailure(
                "staging_failed", f"Its files could not be stored on the worker: {error}."
            ) from error

    def staged(self, request: PredictionRequest) -> dict[str, Any] | None:
        """The same, if there is nothing to fetch; else None."""
        target = self._directory / request.checkpoint_id
        return None if request.dataset or not target.exists() else {"directory": str(target), "files": []}

    def keep(self, checkpoints: Collection[str]) -> None:
        """Remove the directories of all others."""
        for path in self._directory.iterdir():
            if path.name not in checkpoints and not path.name.startswith("."):
                shutil.rmtree(path, ignore_errors=True)

    def _stage_checkpoint(self, request: PredictionRequest, target: Path) -> None:
        partial_ = self._directory / f".{request.checkpoint_id}"
        shutil.rmtree(partial_, ignore_errors=True)
        for file in request.files:
            path = inside(partial_ / "checkpoint", file["path"])
            key = f"{request.prefix}/{file['path']}"
            link(self._cached(key, file["sha256"], file["bytes"]), path)
        partial_.rename(target)

    def _stage_dataset(self, request: PredictionRequest, directory: Path) -> list[dict[str, Any]]:
        staged = []
        for file in request.dataset:
            path = directory / "data" / file.sha256
            if not path.exists():
                link(self._cached(file.object_key, file.sha256, file.bytes), path)
            reading = dict(file.reading)
            staged.append({"name": file.name, "path": str(path), "sha256": file.sha256, "reading": reading})
        return staged

    def _cached(self, key: str, sha256: str, size: int) -> Path:
        cache = self._resources.cache
        fill = partial(fetch, self._resources.storage, key, sha256=sha256, abort_check=self._stopped)
        return cache.object(sha256, size, fill)
