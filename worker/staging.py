"""Copies a job's data, and the checkpoint it resumes from, from object storage to local files, and checks every hash."""

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from control.storage import Storage, StorageNotFound
from core.checkpoints.manifest import MANIFEST

_CHUNK = 1 << 20
_FICLONE = 0x40049409

AbortCheck = Callable[[], object]
"""Called between blocks of a long copy; may raise to abort it."""


class DamagedError(Exception):
    """A stored file differs from what the database records; the message names the file."""


def fetch(storage: Storage, key: str, path: Path, *, sha256: str, abort_check: AbortCheck) -> None:
    """Copy an object to a new local file of our own, and check its content.

    Where storage and `path` are on one file system that can share blocks (XFS, Btrfs, APFS), no byte is copied.

    Raises:
        DamagedError: the content has another hash; the file is removed.
        OSError: the file cannot be written.
        StorageUnavailable, StorageNotFound: from `storage`.
    """
    try:
        actual = _copy(storage, key, path, abort_check)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if actual != sha256:
        path.unlink()
        raise DamagedError(f"{key} in storage has the sha256 {actual}, and {sha256} was stored")


def _copy(storage: Storage, key: str, path: Path, abort_check: AbortCheck) -> str:
    """Returns: the hex digest of what was copied."""
    source = storage.local_path(key)
    if source is not None and _clone(source, path):
        return sha256_of_file(path, abort_check)
    digest = hashlib.sha256()
    with path.open("xb") as file:
        for chunk in storage.chunks(key):
            abort_check()
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()


def sha256_of_file(path: Path, abort_check: AbortCheck) -> str:
    """Hex digest of a local file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            abort_check()
            digest.update(chunk)
    return digest.hexdigest()


def link(source: Path, target: Path) -> None:
    """Give a file a second name, or copy it where the file system has no hard links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def link_tree(source: Path, target: Path) -> None:
    """`link` every file below a directory.

    Raises:
        FileNotFoundError: a file was removed meanwhile.
    """
    for path in sorted(source.rglob("*")):
        if not path.is_dir():
            link(path, target / path.relative_to(source))


def stage_checkpoint(
    storage: Storage, prefix: str, manifest: Mapping[str, Any], directory: Path, *, abort_check: AbortCheck
) -> None:
    """Copy a checkpoint to a new local directory, and check every file against the manifest.

    Args:
        prefix: Of its objects in storage.
        manifest: As the database holds it.

    Raises:
        DamagedError: a file is missing, or differs from the manifest.
        StorageUnavailable: from `storage`.
    """
    try:
        for file in manifest["files"]:
            target = inside(directory, file["path"])
            target.parent.mkdir(parents=True, exist_ok=True)
            fetch(storage, f"{prefix}/{file['path']}", target, sha256=file["sha256"], abort_check=abort_check)
        storage.download(f"{prefix}/{MANIFEST}", directory / MANIFEST)
    except StorageNotFound as error:
        raise DamagedError(f"{error.key} is missing in storage") from error


def inside(directory: Path, name: str) -> Path:
    """The path of `name` below a directory.

    Raises:
        DamagedError: the name leads out of it.
    """
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise DamagedError(f"{name!r} is no file name")
    return directory.joinpath(*path.parts)


def _clone(source: Path, target: Path) -> bool:
    with contextlib.ExitStack() as stack:
        try:
            read = stack.enter_context(source.open("rb"))
            write = stack.enter_context(target.open("xb"))
            fcntl.ioctl(write.fileno(), _FICLONE, read.fileno())
        except OSError:
            target.unlink(missing_ok=True)
            return False
    return True
