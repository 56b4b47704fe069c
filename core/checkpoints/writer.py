"""Writes checkpoints during training: the loop copies the tensors to the host, a thread does the rest."""

import hashlib
import shutil
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from safetensors import SafetensorError
from torch import Tensor

from core.checkpoints.bundle import AVERAGED, Bundle, write_trainer
from core.checkpoints.directory import prune, publish, temporary_path
from core.checkpoints.manifest import MANIFEST, Manifest, describe_files, directory_name, sync
from core.errors import EngineError, is_disk_full
from core.events import Events
from core.spec.prepared import TOKENIZER_SOURCE
from core.spec.training import CheckpointRetention


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A copy of everything that a resume needs, so that the loop can continue at once."""

    step: int
    weights: Mapping[str, Tensor]
    averaged: Mapping[str, Tensor] | None
    """The same with the weights' moving average, if the run keeps one."""
    optimizer: Mapping[str, Tensor]
    state: Mapping[str, Any]
    metrics: Mapping[str, float]
    hooks: Mapping[str, Tensor] = field(default_factory=dict)
    """What the additions to the loop keep, such as Fisher information."""

    @property
    def bytes(self) -> int:
        """Size of its tensors in bytes; tensors that share memory count once."""
        kept = (self.weights, self.averaged or {}, self.optimizer, self.hooks)
        tensors = [tensor for part in kept for tensor in part.values()]
        return sum({tensor.data_ptr(): tensor.nbytes for tensor in tensors}.values())


def copy_to_host(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU; tensors that share memory also share the copy's memory."""
    copies: dict[tuple[int, tuple[int, ...]], Tensor] = {}
    result = {}
    for name, tensor in tensors.items():
        key = (tensor.data_ptr(), tuple(tensor.shape))
        if key not in copies:
            copies[key] = tensor.detach().to("cpu", copy=True)
        result[name] = copies[key]
    return result


class CheckpointWriter:
    """Writes one checkpoint at a time into a run directory, then prunes it.

    Args:
        directory: the run directory.
        bundle: which files the weights become (`Objective.stored`).
        before_publishing: called before a checkpoint gets its final name; it flushes what must be on disk by then.
        retry_delays: seconds to wait before each further try of a write that failed. While it
            waits, the run goes on; the old checkpoints stay as they are.
    """

    def __init__(
        self,
        directory: Path,
        *,
        bundle: Bundle,
        before_publishing: Callable[[], None],
        events: Events,
        retention: CheckpointRetention,
        spec_sha256: str,
        data_key: str,
        retry_delays: tuple[float, ...] = (1.0, 5.0),
    ) -> None:
        self._directory = directory
        self._bundle = bundle
        self._before_publishing = before_publishing
        self._events = events
        self._retention = retention
        self._identity = {"spec_sha256": spec_sha256, "data_key": data_key}
        self._retry_delays = retry_delays
        self._closing = threading.Event()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._pending: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the write in progress; its error is raised unless another exception already is."""
        try:
            self.join()
        except EngineError:
            if kind is None:
                raise
        finally:
            self._thread.shutdown()

    def save(self, snapshot: Snapshot) -> None:
        """Write ``snapshot`` in the background, after the write before it has ended."""
        self.join()
        self._pending = self._thread.submit(self._write_with_retries, snapshot)

    def check(self) -> None:
        """Raises:
        EngineError: if the write in progress has failed after all retries; does not wait.
        """
        if self._pending is not None and self._pending.done():
            self.join()

    def join(self) -> None:
        """Wait for the write in progress.

        Raises:
            EngineError: ``disk_full`` or ``checkpoint_write_failed``.
        """
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def _write_with_retries(self, snapshot: Snapshot) -> None:
        for delay in (*self._retry_delays, None):
            try:
                self._write(snapshot)
            except (OSError, SafetensorError) as error:
                shutil.rmtree(temporary_path(self._directory, snapshot.step), ignore_errors=True)
                failure = _explain(error, snapshot.step, self._directory)
                if delay is None:
                    raise failure from error
                message = f"{failure.message} Trying again in {delay:g} s."
                self._events.warn(failure.code, message, **failure.details, seconds=delay, reason=str(error))
                self._closing.wait(delay)
            else:
                return

    def _write(self, snapshot: Snapshot) -> None:
        temporary = temporary_path(self._directory, snapshot.step)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        self._bundle.write(temporary, snapshot.weights)
        if snapshot.averaged is not None:
            (temporary / AVERAGED).mkdir()
            self._bundle.write(temporary / AVERAGED, snapshot.averaged)
        write_trainer(temporary, snapshot.optimizer, snapshot.state, snapshot.hooks)
        if self._bundle.write_tokenizer_source is not None:
            self._bundle.write_tokenizer_source(temporary / TOKENIZER_SOURCE)
        files = describe_files(temporary)
        manifest = Manifest(
            step=snapshot.step,
            created=datetime.now(UTC).isoformat(timespec="milliseconds"),
            metrics=dict(snapshot.metrics),
            files=files,
            **self._identity,
        )
        for path in temporary.rglob("*"):
            sync(path)
        (temporary / MANIFEST).write_bytes(manifest.encode())
        sync(temporary / MANIFEST)
        sync(temporary)
        self._before_publishing()
        final = self._directory / directory_name(snapshot.step)
        publish(temporary, final)
        prune(self._directory, self._retention)
        self._events.emit(
            "checkpoint",
            step=snapshot.step,
            path=str(final),
            manifest_sha256=hashlib.sha256(manifest.encode()).hexdigest(),
            bytes=manifest.total_bytes,
            metrics=manifest.metrics,
        )


def _explain(error: OSError | SafetensorError, step: int, directory: Path) -> EngineError:
    """The error with advice for people."""
    if is_disk_full(error):
        return EngineError(
            "disk_full",
            f"The checkpoint of step {step} did not fit on the disk of {directory}.",
            "Free space there, or keep fewer checkpoints (training.retention). Earlier checkpoints are not affected.",
            case="checkpoint",
            step=step,
            directory=directory,
        )
    return EngineError(
        "checkpoint_write_failed",
        f"The checkpoint of step {step} could not be written to {directory}: {error}.",
        "Check that the directory is writable. Earlier checkpoints are not affected.",
        step=step,
        directory=directory,
        error=error,
    )
