"""From paths on this machine to the files of a dataset."""

import base64
import hashlib
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from seedbed.errors import InvalidFile
from seedbed.models import DatasetFile
from seedbed.transport import Body, Transport

CHUNK = 2**20
ANALYSIS_SECONDS = 3600.0
"""The service reads a file through before it answers, which for a large one takes its time."""

_AUDIO = (".wav", ".flac", ".ogg", ".oga", ".opus")
_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".tar", ".tgz", ".tar.gz", ".tar.zst", "-ubyte", "-ubyte.gz")

Progress = Callable[[int], None]
"""Called with the bytes that were sent since the last call; a repetition takes back what it sends again."""


@dataclass(frozen=True)
class LocalFile:
    """A file to upload, and what it will be called: datasets are flat."""

    path: Path
    name: str
    bytes: int


def find_files(paths: Iterable[Path]) -> list[LocalFile]:
    """The files that these paths name, directories with all that is in them, in order of name.

    A file below a directory is called by its path within it, ``a/b.txt`` becoming ``a_b.txt``. Hidden files
    and directories are left out.

    Raises:
        InvalidFile: a path that is not there or cannot be read, nothing found, or two files of one name.
    """
    found: dict[str, LocalFile] = {}
    for path in paths:
        for file in _below(path):
            other = found.setdefault(file.name, file)
            if other is not file:
                raise InvalidFile(
                    f"{other.path} and {file.path} would both be called {file.name!r} in the dataset. "
                    "Rename one of them, or upload them to two datasets."
                )
    if not found:
        raise InvalidFile("There is no file to upload: hidden files and empty directories do not count.")
    return [found[name] for name in sorted(found)]


def guess_modality(files: Iterable[LocalFile]) -> str:
    """``image`` or ``audio`` where most names, those inside zips too, are images' or recordings'; else ``text``."""
    images = recordings = others = 0
    for file in files:
        names = [file.name]
        if file.name.lower().endswith(".zip"):
            try:
                with zipfile.ZipFile(file.path) as archive:
                    names = [name for name in archive.namelist() if not name.endswith("/")]
            except (OSError, zipfile.BadZipFile):
                continue  # the service says better what is wrong with it
        drawn = sum(name.lower().endswith(_IMAGES) for name in names)
        heard = sum(name.lower().endswith(_AUDIO) for name in names)
        images += drawn
        recordings += heard
        others += len(names) - drawn - heard
    if images > recordings + others:
        return "image"
    return "audio" if recordings > images + others else "text"


def _below(path: Path) -> Iterator[LocalFile]:
    try:
        if path.is_dir():
            for folder, folders, names in os.walk(path, onerror=_raise):
                folders[:] = [name for name in folders if not name.startswith(".")]
                for name in names:
                    file = Path(folder, name)
                    if not name.startswith(".") and file.is_file():
                        yield LocalFile(file, "_".join(file.relative_to(path).parts), file.stat().st_size)
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


def send(
    transport: Transport,
    dataset: str,
    file: LocalFile,
    digest: str,
    *,
    text_column: str | None = None,
    progress: Progress | None = None,
) -> DatasetFile:
    """PUT one file, streamed from the disk, with its hash declared so that the service checks what it got.

    Raises:
        InvalidFile: it cannot be read, or changed since it was hashed.
    """
    sending = _Sending(file, progress or (lambda _: None))
    answer = transport.request(
        "PUT",
        f"/v1/datasets/{quote(dataset, safe='')}/files/{quote(file.name, safe='')}",
        params={"text_column": text_column},
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
    return DatasetFile.model_validate(answer.json())


class _Sending:
    """One file on its way; a repetition begins again, and the progress with it."""

    def __init__(self, file: LocalFile, progress: Progress) -> None:
        self._file = file
        self._progress = progress
        self._sent = 0

    def chunks(self) -> Iterator[bytes]:
        self._progress(-self._sent)
        self._sent = 0
        try:
            with self._file.path.open("rb", buffering=0) as file:
                while self._sent < self._file.bytes and (chunk := file.read(CHUNK)):
                    yield chunk[: self._file.bytes - self._sent]
                    self._sent += len(chunk)
                    self._progress(len(chunk))
        except OSError as error:
            raise InvalidFile(f"{self._file.path} cannot be read: {error.strerror}.") from error
        if self._sent < self._file.bytes:
            raise InvalidFile(f"{self._file.path} became shorter while it was uploaded. Upload it again.")
