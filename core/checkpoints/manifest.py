"""A checkpoint's manifest: the paths, sizes and sha256 of its files. Standard library only.

A checkpoint is complete only with its manifest; if its files differ from the manifest, it is damaged.
"""

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = "manifest.json"
FORMAT = 1
_NAME = re.compile(r"step-(\d{8,})\Z")


class ManifestError(ValueError):
    """A checkpoint that is not whole; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """One file: its path in the checkpoint (with ``/``), its size and the hex digest of its content."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of `manifest.json`."""

    step: int
    spec_sha256: str
    data_key: str
    created: str
    metrics: dict[str, float]
    files: tuple[CheckpointFile, ...]

    @property
    def total_bytes(self) -> int:
        """Size of all files in bytes, without the manifest itself."""
        return sum(file.bytes for file in self.files)

    def encode(self) -> bytes:
        """The manifest's file content."""
        metrics = {
            name: value if math.isfinite(value) else str(value) for name, value in self.metrics.items()
        }
        document = {"format": FORMAT, **asdict(self), "metrics": metrics}
        return json.dumps(document, indent=1, allow_nan=False).encode() + b"\n"


def directory_name(step: int) -> str:
    """The name of step ``step``'s checkpoint, as ``step-00000200``."""
    return f"step-{step:08d}"


def step_of(name: str) -> int | None:
    """The step in a directory's name, or None if it is no checkpoint's name."""
    match = _NAME.match(name)
    return int(match[1]) if match else None


def describe_files(directory: Path) -> tuple[CheckpointFile, ...]:
    """Every file below ``directory`` except the manifest, with its hash, sorted by path."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    names = ((path.relative_to(directory).as_posix(), path) for path in paths)
    files = [
        CheckpointFile(name, path.stat().st_size, sha256_of(path)) for name, path in names if name != MANIFEST
    ]
    return tuple(sorted(files, key=lambda file: file.path))


def read_manifest(directory: Path) -> Manifest:
    """The manifest of a checkpoint directory; the files are not compared with it.

    Raises:
        ManifestError: when it is missing, unreadable, or not a manifest of this format.
    """
    try:
        document: dict[str, Any] = json.loads((directory / MANIFEST).read_bytes())
        if document.pop("format") != FORMAT:
            raise ManifestError(f"{directory} has a manifest of another format")
        files = tuple(CheckpointFile(**file) for file in document.pop("files"))
        metrics = {name: float(value) for name, value in document.pop("metrics").items()}
        manifest = Manifest(files=files, metrics=metrics, **document)
        _check_types(manifest)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ManifestError(f"{directory} has no readable manifest: {error}") from None
    return manifest


def _check_types(manifest: Manifest) -> None:
    """
    Raises:
        TypeError: a value has another type than a manifest's, or a file's path leads out of the checkpoint.
    """
    texts = (manifest.spec_sha256, manifest.data_key, manifest.created)
    if type(manifest.step) is not int or not all(isinstance(text, str) for text in texts):
        raise TypeError("its step, its keys or its time are of another type")
    for file in manifest.files:
        if not (isinstance(file.path, str) and isinstance(file.sha256, str) and type(file.bytes) is int):
            raise TypeError("a file's path, size or digest is of another type")
        if PurePosixPath(file.path).is_absolute() or ".." in PurePosixPath(file.path).parts:
            raise TypeError(f"the file {file.path!r} lies outside the checkpoint")


def verify(directory: Path, digests: Mapping[str, str] | None = None) -> Manifest:
    """The manifest of a checkpoint, after checking every file against it.

    Args:
        digests: sha256 by path of files that were hashed already; of these only the size is checked again.

    Raises:
        ManifestError: naming the first file that is missing or differs.
    """
    manifest, known = read_manifest(directory), digests or {}
    for file in manifest.files:
        path = directory / file.path
        try:
            size = path.stat().st_size
            if size != file.bytes:
                raise ManifestError(f"{path} has {size} bytes where its manifest says {file.bytes}")
            if (known.get(file.path) or sha256_of(path)) != file.sha256:
                raise ManifestError(f"{path} differs from the sha256 in its manifest")
        except OSError as error:
            raise ManifestError(f"{path} cannot be read: {error.strerror}") from None
    return manifest


def sha256_of(path: Path) -> str:
    """Hex digest of a file's content, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Flush a file's content, or a directory's list of names, to disk (fsync)."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
