"""Uploads local files and folders to a dataset, and the files of a checkpoint."""

import base64
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from seedbed.errors import InvalidFile
from seedbed.models import CheckpointFile, DatasetFile
from seedbed.packing import LocalFile, Upload, as_uploads
from seedbed.transport import Body, Transport

ANALYSIS_SECONDS = 3600.0
"""Seconds to wait for the answer: the service inspects the whole file first, which takes long for a large one."""

Progress = Callable[[int], None]
"""Called with the bytes that were sent since the last call; negative if a retry sends some again."""


def find_files(paths: Iterable[Path]) -> list[Upload]:
    """The files that these paths name, directories with all that is in them, in order of name.

    A directory of images or recordings becomes one archive, since the folders in it name classes; where several paths are
    given, its own name is the first folder. A file below any other directory is called by its path within it,
    ``a/b.txt`` becoming ``a_b.txt``. Hidden files and directories are left out.

    Raises:
        InvalidFile: a path that is not there or cannot be read, nothing found, or two files of one name.
    """
    found: dict[str, Upload] = {}
    listed = list(paths)
    for path in listed:
        files = list(_below(path))
        for file in as_uploads(path, files, prefixed=len(listed) > 1) if path.is_dir() else files:
            other = found.setdefault(file.name, file)
            if other is not file:
                raise InvalidFile(
                    f"{other.path} and {file.path} would both be called {file.name!r} in the dataset. "
                    "Rename one of them, or upload them to two datasets."
                )
    if not found:
        raise InvalidFile("There is no file to upload: hidden files and empty directories do not count.")
    return [found[name] for name in sorted(found)]


def model_files(directory: Path) -> list[LocalFile]:
    """The files of a model that `transformers` saved: those beside each other in its directory, without hidden ones.

    Raises:
        InvalidFile: it is no directory, cannot be read, or has no files.
    """
    if not directory.is_dir():
        raise InvalidFile(f"{directory} is no directory. Name the one that save_pretrained wrote.")
    found = sorted((file for file in _below(directory) if "/" not in file.name), key=lambda file: file.name)
    if not found:
        raise InvalidFile(f"There is no file in {directory}. Name the directory that save_pretrained wrote.")
    return found


def _below(path: Path) -> Iterator[LocalFile]:
    """Files by their paths below it."""
    try:
        if path.is_dir():
            for folder, folders, names in os.walk(path, onerror=_raise):
                folders[:] = [name for name in folders if not name.startswith(".")]
                for name in names:
                    file = Path(folder, name)
                    if not name.startswith(".") and file.is_file():
                        yield LocalFile(file, file.relative_to(path).as_posix(), file.stat().st_size)
        elif path.is_file():
            yield LocalFile(path, path.name, path.stat().st_size)
        elif path.exists():
            raise InvalidFile(f"{path} is neither a file nor a directory.")
        else:
            raise InvalidFile(f"There is no file {path}.")
    except OSError as error:
        raise InvalidFile(f"{error.filename or path} cannot be read: {error.strerror}.") from error


def _raise(error: OSError) -> None:
    raise error


def sha256(path: Path) -> str:
    """Hex digest of a file.

    Raises:
        InvalidFile: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InvalidFile(f"{path} cannot be read: {error.strerror}.") from error


def digest_of(file: Upload) -> str:
    """Hex digest (SHA-256) of what will be sent.

    Raises:
        InvalidFile: it cannot be read.
    """
    if isinstance(file, LocalFile):
        return sha256(file.path)
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    return digest.hexdigest()


def send(
    transport: Transport,
    dataset: str,
    file: Upload,
    digest: str,
    *,
    reading: Mapping[str, str | None] | None = None,
    progress: Progress | None = None,
) -> DatasetFile:
    """PUT one file, streamed from the disk, with its hash declared so that the service checks what it got.

    ``reading`` says how it is read: the parameters of ``PUT``, such as ``text_column``.

    Raises:
        InvalidFile: it cannot be read, or changed since it was hashed.
    """
    answer = _put(
        transport,
        f"/v1/datasets/{quote(dataset, safe='')}/files/{quote(file.name, safe='')}",
        file,
        digest,
        params=dict(reading or {}),
        progress=progress,
    )
    return DatasetFile.model_validate(answer)


def send_to_checkpoint(
    transport: Transport, checkpoint: str, file: Upload, digest: str, *, progress: Progress | None = None
) -> CheckpointFile:
    """PUT one file of a checkpoint, as `send` does for one of a dataset."""
    path = f"/v1/checkpoints/{quote(checkpoint, safe='')}/files/{quote(file.name, safe='')}"
    return CheckpointFile.model_validate(_put(transport, path, file, digest, params={}, progress=progress))


def _put(
    transport: Transport,
    path: str,
    file: Upload,
    digest: str,
    *,
    params: dict[str, str | None],
    progress: Progress | None,
) -> Any:
    sending = _FileUpload(file, progress or (lambda _: None))
    answer = transport.request(
        "PUT",
        path,
        params=params,
        body=Body(
            sending.chunks,
            {
                "Content-Type": "application/octet-stream",
                "Content-Length": str(file.bytes),
                "Content-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(digest)).decode()}:",
            },
        ),
        timeout=ANALYSIS_SECONDS,
    )
    return answer.json()


class _FileUpload:
    """The upload of one file; a retry begins from the first byte, and subtracts what it sends again from the progress."""

    def __init__(self, file: Upload, progress: Progress) -> None:
        self._file = file
        self._progress = progress
        self._sent = 0

    def chunks(self) -> Iterator[bytes]:
        self._progress(-self._sent)
        self._sent = 0
        for chunk in self._file.chunks():
            yield chunk
            self._sent += len(chunk)
            self._progress(len(chunk))
