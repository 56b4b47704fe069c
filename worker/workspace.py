"""Makes the local directory of an attempt: the files that the engine needs, and its command line."""

import errno
import hashlib
import json
import logging
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from control.checkpoints.repository import CheckpointRef
from control.jobs.service import Claim, Failed
from control.scheduling.claims import ClaimedFile, EarlierStage
from control.short_jobs.kind import FromCheckpoint, FromSpec, Kind
from control.short_jobs.registry import kinds
from control.storage import StorageFull, StorageNotFound, StorageUnavailable
from core.checkpoints.manifest import MANIFEST
from core.checkpoints.retention import first_whole
from core.spec.data import DataSpec
from core.spec.job import JobSpec
from core.spec.prepared import prepared_key, takes_tokenizer, tokenizer_identity
from worker.resources import WorkerResources
from worker.staging import AbortCheck, DamagedError, fetch, inside, link, sha256_of_file, stage_checkpoint

log = logging.getLogger(__name__)

_T = TypeVar("_T")

_STORAGE_RETRY_SECONDS = 60.0
_BACK_OFF_SECONDS = 1.0


class StagingError(Exception):
    """The attempt cannot start; `failure` says why."""

    def __init__(self, failure: Failed) -> None:
        super().__init__(failure.message)
        self.failure = failure


class Workspace:
    """One attempt's directory.

    ``spec.json``, ``digests.json`` (sha256 of what was staged), ``data/`` (links into the cache), ``earlier/N/`` and ``earlier.json`` (the data of earlier stages), ``checkpoint/`` (what it continues or starts from), ``against/`` (what that is compared with), ``teacher/`` (what is distilled), ``out/`` (the engine's), ``uploads/`` (links
    to checkpoints on their way to storage), ``log.txt``.

    Args:
        abort_check: Called between blocks of a long copy; may raise to abort it.
        damaged: Called with the step of a damaged checkpoint, and the reason.
    """

    def __init__(
        self,
        resources: WorkerResources,
        claim: Claim,
        directory: Path,
        *,
        abort_check: AbortCheck,
        damaged: Callable[[int, str], object],
    ) -> None:
        self._resources = resources
        self._claim = claim
        self._abort_check = abort_check
        self._damaged = damaged
        self._kind = None if claim.purpose == "train" else kinds()[claim.purpose]
        self.directory = directory
        self.data = directory / "data"
        self.out = directory / "out"
        self.uploads = directory / "uploads"
        self.log = directory / "log.txt"
        self._digests: dict[str, dict[str, str]] = {"data": {}, "checkpoint": {}}
        """sha256 of each staged file of the dataset and of the checkpoint, by name."""
        self._checked: set[str] = set()
        """sha256 of contents of the dataset that were checked already; several files may have the same content."""

    @contextmanager
    def staged(self) -> Iterator[list[str]]:
        """Copy everything to this directory, and yield the engine's arguments, valid within the block.

        Raises:
            StagingError: something is missing, damaged, or does not fit.
        """
        kind = self._kind
        if kind is not None and not self._reads_data(kind):
            try:
                arguments = self._stage_checkpoint(kind)
            except OSError as error:
                raise StagingError(_disk(error)) from error
            yield arguments
            return
        with ExitStack() as stack:
            cache = self._resources.cache
            prepared = stack.enter_context(cache.prepared(prepared_key_of(self._claim)))
            earlier = [
                (stage, stack.enter_context(cache.prepared(prepared_key_of(self._claim, stage))))
                for stage in self._claim.earlier
            ]
            try:
                arguments = self._stage(prepared, earlier, kind)
            except OSError as error:
                raise StagingError(_disk(error)) from error
            yield arguments

    def _reads_data(self, kind: Kind[Any]) -> bool:
        """Whether a short job reads the dataset."""
        start = kind.starts_from
        if not isinstance(start, FromCheckpoint):
            return True
        return bool(self._claim.files) and start.reads_data(self._claim.options)

    def _stage_checkpoint(self, kind: Kind[Any]) -> list[str]:
        for directory in (self.out, self.uploads):
            directory.mkdir()
        checkpoint = self._stage_only_checkpoint()
        return self._of_short_job(kind, [str(checkpoint), "--threads", str(self._resources.machine.threads)])

    def _stage_only_checkpoint(self) -> Path:
        """
        Raises:
            StagingError: the checkpoint that a short job works on is not whole in storage.
        """
        found = self._stage_best()
        if found is None:
            raise StagingError(
                Failed(
                    "checkpoint_damaged",
                    "The checkpoint is not whole in storage any more.",
                    "Check the storage; another checkpoint of the job may be whole.",
                    details={"case": "checkpoint"},
                )
            )
        return found[1]

    def _of_short_job(self, kind: Kind[Any], arguments: list[str]) -> list[str]:
        """The command line of a short job: its command, its input, its options, its output directory."""
        chosen = kind.arguments(self._claim.options, self._resources.machine.memory_bytes)
        out = [] if kind.files is None else ["--out", str(self.out / kind.name)]
        return [kind.command or kind.name, *arguments, *chosen, *out, *self._write_digests()]

    def _stage(
        self, prepared: Path, earlier: list[tuple[EarlierStage, Path]], kind: Kind[Any] | None
    ) -> list[str]:
        for directory in (self.data, self.out, self.uploads):
            directory.mkdir()
        cache, machine = self._resources.cache, self._resources.machine
        files = [*self._claim.files, *(file for stage, _ in earlier for file in stage.files)]
        cache.trim(cache.missing_bytes((file.sha256, file.bytes) for file in files))
        self._stage_files(self._claim.files, self.data, self._digests["data"])
        about = self._of_what(kind)
        arguments = [*about, "--data", str(self.data), "--cache", str(prepared)]
        arguments += ["--threads", str(machine.threads)]
        if reading := {file.name: file.reading for file in self._claim.files if file.reading}:
            arguments += ["--reading", json.dumps(reading)]
        if kind is not None:
            beginning = self._beginning() if isinstance(kind.starts_from, FromSpec) else []
            taught = self._taught_short(kind)
            return self._of_short_job(kind, [*arguments, *beginning, *taught])
        arguments = ["run", *arguments, *self._taught(), "--out", str(self.out)]
        if self._claim.decisions:
            arguments += ["--decided", json.dumps(self._claim.decisions)]
        arguments += [*self._beginning(), *self._stage_earlier(earlier)]
        return [*arguments, *self._write_digests()]

    def _of_what(self, kind: Kind[Any] | None) -> list[str]:
        """The argument for what is worked on besides the data: the spec, or one checkpoint or two.

        Raises:
            StagingError: a checkpoint is not whole in storage.
        """
        if kind is None or isinstance(kind.starts_from, FromSpec):
            spec = self.directory / "spec.json"
            spec.write_text(json.dumps(self._claim.spec))
            return [str(spec)]
        arguments = [str(self._stage_only_checkpoint())]
        if self._claim.options.get("against") is not None:
            arguments += ["--against", str(self._stage_against())]
        return arguments

    def _stage_against(self) -> Path:
        """
        Raises:
            StagingError: the second checkpoint is not whole in storage, or gone.
        """
        reference = self._claim.against
        if reference is None:
            raise _against_is_damaged("it was deleted")
        target = self.directory / "against" / f"step-{reference.step:08d}"
        try:
            self._with_retries(partial(self._fetch_checkpoint, reference, target))
        except DamagedError as error:
            raise _against_is_damaged(str(error)) from error
        self._digests["against"] = {file["path"]: file["sha256"] for file in reference.manifest["files"]}
        return target

    def _taught(self) -> list[str]:
        """The argument for the checkpoint that the job distils; none if it has no teacher.

        Raises:
            StagingError: it is not whole in storage, or gone.
        """
        if self._claim.spec.get("distillation") is None:
            return []
        reference = self._claim.teacher
        if reference is None:
            raise _teacher_is_damaged("it was deleted")
        target = self.directory / "teacher" / f"step-{reference.step:08d}"
        try:
            self._with_retries(partial(self._fetch_checkpoint, reference, target))
        except DamagedError as error:
            raise _teacher_is_damaged(str(error)) from error
        self._digests["teacher"] = {file["path"]: file["sha256"] for file in reference.manifest["files"]}
        return ["--teacher", str(target)]

    def _taught_short(self, kind: Kind[Any]) -> list[str]:
        """The same for a short job about a spec, without the weights: an estimate runs the teacher, and any other one reads its
        tokenizer where the job starts from no checkpoint."""
        if not isinstance(kind.starts_from, FromSpec):
            return []
        arguments = self._taught()
        if kind.name == "estimate" or not arguments:
            return arguments
        return [] if self._claim.checkpoints else ["--start", arguments[1]]

    def _beginning(self) -> list[str]:
        """The argument for where the run begins: its own checkpoint, else the one that its job starts from, else none.

        Raises:
            StagingError: the job starts from a checkpoint, and none is whole.
        """
        found = self._stage_best()
        if found is not None:
            reference, path = found
            return ["--resume" if reference.job_id == self._claim.job_id else "--start", str(path)]
        starts = any(reference.job_id != self._claim.job_id for reference in self._claim.checkpoints)
        if starts or self._claim.spec.get("start") is not None:
            raise StagingError(
                Failed(
                    "checkpoint_damaged",
                    "The checkpoint that the job starts from is not whole in storage any more.",
                    "Check the storage; then submit the job anew with another checkpoint.",
                    details={"case": "start"},
                )
            )
        return []

    def _write_digests(self) -> list[str]:
        """The arguments that pass the hashes computed here to the engine, so that it does not compute them again."""
        path = self.directory / "digests.json"
        path.write_text(json.dumps(self._digests))
        return ["--digests", str(path)]

    def _stage_earlier(self, earlier: list[tuple[EarlierStage, Path]]) -> list[str]:
        """The arguments that name the data of the earlier stages: each stage's files are in a directory of their own, because two
        datasets may have files of the same name."""
        named = {}
        for number, (stage, prepared) in enumerate(earlier):
            directory = self.directory / "earlier" / str(number)
            directory.mkdir(parents=True)
            digests: dict[str, str] = {}
            self._stage_files(stage.files, directory, digests)
            named[stage.job_id] = {
                "data": [str(directory)],
                "reading": {file.name: file.reading for file in stage.files if file.reading},
                "sha256": digests,
                "cache": str(prepared),
            }
        if not named:
            return []
        path = self.directory / "earlier.json"
        path.write_text(json.dumps(named))
        return ["--earlier", str(path)]

    def _stage_files(self, files: Sequence[ClaimedFile], directory: Path, digests: dict[str, str]) -> None:
        """Give the files of a dataset their names in a directory.

        Args:
            digests: Gets the sha256 of each, by name.

        Raises:
            StagingError: one is missing in storage or damaged.
        """
        for file in files:
            try:
                self._stage_file(file, directory)
                digests[file.name] = file.sha256
            except StorageNotFound as error:
                raise StagingError(
                    Failed(
                        "dataset_missing",
                        f"The file {file.name} of the dataset is gone from storage.",
                        "Upload the dataset again, and submit the job with the new one.",
                        {"file": file.name},
                    )
                ) from error
            except DamagedError as error:
                raise StagingError(
                    Failed(
                        "dataset_damaged",
                        f"The file {file.name} of the dataset is not what was uploaded: {error}.",
                        "Check the storage; then upload the dataset again, and submit the job with the new one.",
                        {"file": file.name, "error": str(error)},
                    )
                ) from error

    def _stage_file(self, file: ClaimedFile, directory: Path) -> None:
        """Give a dataset's file its name in a directory. Its content is hashed once: while it is fetched, or in the cache.

        Raises:
            DamagedError, StorageNotFound: as `fetch`.
        """
        cache, target = self._resources.cache, inside(directory, file.name)
        fetched = False

        def fill(path: Path) -> None:
            nonlocal fetched
            key, abort_check = file.object_key, self._abort_check
            fetch(self._resources.storage, key, path, sha256=file.sha256, abort_check=abort_check)
            fetched = True

        while True:
            link(self._with_retries(partial(cache.object, file.sha256, file.bytes, fill)), target)
            if fetched or file.sha256 in self._checked or self._is_whole(target, file):
                break
            log.warning("the cached content of %s is damaged; fetching it again", file.name)
            target.unlink()
            cache.discard(file.sha256)
        self._checked.add(file.sha256)

    def _is_whole(self, path: Path, file: ClaimedFile) -> bool:
        return sha256_of_file(path, self._abort_check) == file.sha256

    @property
    def _without_weights(self) -> bool:
        return self._kind is not None and isinstance(self._kind.starts_from, FromSpec)

    def _stage_best(self) -> tuple[CheckpointRef, Path] | None:
        """Stage the best undamaged checkpoint, and return it with its local path; None if there is none.

        For a short job about a spec, which trains nothing, without its weights.
        """

        def tell(reference: CheckpointRef, error: DamagedError) -> None:
            log.warning("checkpoint %s is damaged: %s", reference.id, error)
            self._damaged(reference.step, str(error))

        return first_whole(self._claim.checkpoints, self._stage_whole, DamagedError, tell)

    def _stage_whole(self, reference: CheckpointRef) -> tuple[CheckpointRef, Path]:
        """
        Raises:
            DamagedError: it is not whole in storage.
        """
        target = self.directory / "checkpoint" / f"step-{reference.step:08d}"
        self._with_retries(partial(self._fetch_checkpoint, reference, target))
        self._digests["checkpoint"] = {file["path"]: file["sha256"] for file in reference.manifest["files"]}
        return reference, target

    def _fetch_checkpoint(self, reference: CheckpointRef, target: Path) -> None:
        shutil.rmtree(target, ignore_errors=True)
        manifest = reference.manifest
        if self._without_weights:
            manifest = manifest | {
                "files": [file for file in manifest["files"] if not _is_weights(file["path"])]
            }
        stage_checkpoint(
            self._resources.storage, reference.prefix, manifest, target, abort_check=self._abort_check
        )
        if hashlib.sha256((target / MANIFEST).read_bytes()).hexdigest() != reference.manifest_sha256:
            raise DamagedError("its manifest has changed")

    def _with_retries(self, action: Callable[[], _T]) -> _T:
        """Call ``action``, again while storage does not answer.

        Raises:
            StagingError: it still does not.
        """
        deadline = time.monotonic() + _STORAGE_RETRY_SECONDS
        while True:
            try:
                return action()
            except (StorageUnavailable, StorageFull) as error:
                if time.monotonic() > deadline:
                    raise StagingError(
                        Failed(
                            error.code,
                            f"The job's files could not be fetched. {error.detail}",
                            details=error.params,
                            retryable=True,
                        )
                    ) from error
                log.warning("storage does not answer; trying again", exc_info=True)
                pause = time.monotonic() + _BACK_OFF_SECONDS
                while time.monotonic() < pause:
                    self._abort_check()
                    time.sleep(0.1)


def _is_weights(path: str) -> bool:
    return path.endswith(".safetensors")


def _against_is_damaged(why: str) -> StagingError:
    return StagingError(
        Failed(
            "checkpoint_damaged",
            f"The checkpoint to compare with is not whole in storage any more: {why}.",
            "Check the storage; then compare with another checkpoint.",
            {"case": "against", "error": why},
        )
    )


def _teacher_is_damaged(why: str) -> StagingError:
    return StagingError(
        Failed(
            "checkpoint_damaged",
            f"The checkpoint that the job learns from is not whole in storage any more: {why}.",
            "Check the storage; then submit the job anew with another teacher.",
            {"case": "teacher", "error": why},
        )
    )


def _disk(error: OSError) -> Failed:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Failed(
            "disk_full",
            "The worker's disk is full, so the job's files could not be fetched.",
            "Free space on the worker, or lower SEEDBED_CACHE_BYTES.",
            retryable=True,
            details={"case": "worker"},
        )
    return Failed(
        "staging_failed",
        f"The job's files could not be prepared: {error}.",
        details={"error": str(error)},
        retryable=True,
    )


def prepared_key_of(claim: Claim, stage: EarlierStage | None = None) -> str:
    """The key of the job's prepared data in the cache, the same as the engine's; or that of the data of an earlier stage,
    which are read as that stage's job read them, with this job's tokenizer."""
    found = claim.files if stage is None else stage.files
    files = [[file.name, file.sha256, *([file.reading] if file.reading else [])] for file in found]
    try:
        job = JobSpec.model_validate(claim.spec)
        if stage is not None:
            data = DataSpec.model_validate(stage.data)
            job = job.model_copy(update={"data": data.model_copy(update={"tokenizer": job.data.tokenizer})})
    except ValidationError:  # a spec of an older version; the engine reports that
        return hashlib.sha256(json.dumps([claim.spec, files], sort_keys=True).encode()).hexdigest()
    tokenizer = None
    source = claim.checkpoints[0] if claim.checkpoints else claim.teacher
    if takes_tokenizer(job.task.modality, job.data) and source is not None:
        # The same for its own checkpoints and for the one that it starts from or learns from.
        manifest = source.manifest
        tokenizer = tokenizer_identity({file["path"]: file["sha256"] for file in manifest["files"]})
    return prepared_key(job.task.modality, job.prepared_data, files, tokenizer)
