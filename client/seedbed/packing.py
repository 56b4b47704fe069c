"""Packs folders of images and recordings into one archive each, since datasets are flat and folder names are classes."""

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from seedbed.errors import InvalidFile

CHUNK = 2**20
Chunks = Iterator[bytes]
AUDIO = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus")
IMAGES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp"),
    *(".png", ".webp", ".bmp", ".dib", ".tif", ".tiff"),
)
STANDS_ALONE = (
    ".zip",
    ".tar",
    ".tgz",
    ".tar.gz",
    ".tar.zst",
    ".parquet",
    "-ubyte",
    "-ubyte.gz",
    "tokenizer.json",
)
"""Files that the service opens by themselves; it would not look for them inside an archive."""


@dataclass(frozen=True)
class LocalFile:
    """A file to upload, and its name in the dataset, which is flat."""

    path: Path
    name: str
    bytes: int

    def chunks(self) -> Chunks:
        """Its content, with the length that it had when it was found.

        Raises:
            InvalidFile: it cannot be read, or became shorter.
        """
        left = self.bytes
        try:
            with self.path.open("rb", buffering=0) as file:
                while left and (chunk := file.read(min(CHUNK, left))):
                    yield chunk
                    left -= len(chunk)
        except OSError as error:
            raise InvalidFile(f"{self.path} cannot be read: {error.strerror}.") from error
        if left:
            raise InvalidFile(f"{self.path} became shorter while it was uploaded. Upload it again.")


@dataclass(frozen=True)
class PackedFolder:
    """A folder as a tar, made while it is read: the same bytes for the same files, independent of their times and owners."""

    path: Path
    name: str
    members: tuple[LocalFile, ...]
    """In order of name, which is the path inside the archive."""
    bytes: int = field(init=False)

    def __post_init__(self) -> None:
        size = sum(len(_header(member)) + member.bytes + len(_padding(member)) for member in self.members)
        object.__setattr__(self, "bytes", size + 2 * tarfile.BLOCKSIZE)

    def chunks(self) -> Chunks:
        """The archive, file by file.

        Raises:
            InvalidFile: a file that cannot be read, or became shorter.
        """
        for member in self.members:
            yield _header(member)
            yield from member.chunks()
            yield _padding(member)
        yield bytes(2 * tarfile.BLOCKSIZE)


Upload = LocalFile | PackedFolder


def as_uploads(folder: Path, files: list[LocalFile], *, prefixed: bool) -> Iterator[Upload]:
    """The uploads for the files in a folder, named by their paths in it: one tar if most are images or recordings.

    Args:
        prefixed: the paths in the archive begin with the folder's own name, so that it tells several folders apart.
    """
    inside = [file for file in files if not _stands_alone(file)]
    media = sum(file.name.lower().endswith(AUDIO + IMAGES) for file in inside)
    if 2 * media <= len(inside):
        inside = []
    for file in files:
        if not inside or _stands_alone(file):
            yield LocalFile(file.path, file.name.replace("/", "_"), file.bytes)
    if inside:
        own = folder.resolve().name or "folder"
        top = f"{own}/" if prefixed else ""
        members = (LocalFile(file.path, top + file.name, file.bytes) for file in inside)
        yield PackedFolder(folder, f"{own}.tar", tuple(sorted(members, key=lambda member: member.name)))


def _stands_alone(file: LocalFile) -> bool:
    return file.name.lower().endswith(STANDS_ALONE)


def _header(member: LocalFile) -> bytes:
    info = tarfile.TarInfo(member.name)
    info.size = member.bytes
    return info.tobuf(tarfile.PAX_FORMAT, "utf-8", "surrogateescape")


def _padding(member: LocalFile) -> bytes:
    return bytes(-member.bytes % tarfile.BLOCKSIZE)
