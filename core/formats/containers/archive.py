"""Zip archives, opened only after every name and size in their directory is checked."""

import errno
import re
import stat
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, BinaryIO

from core.formats.containers.source import size_of
from core.formats.errors import Place, printable
from core.formats.limits import Limits

_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2}
_UNREADABLE = (zipfile.BadZipFile, ValueError, RuntimeError, EOFError, struct.error, OSError)
"""What ``zipfile`` raises for a damaged archive (NotImplementedError is a RuntimeError)."""
_DRIVE = re.compile(r"[A-Za-z]:")
_LOCAL_HEADER_BYTES = 30
"""Size of the local header before each member's bytes, at least: without the name."""
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")


def open_archive(stream: BinaryIO, file: str, limits: Limits) -> zipfile.ZipFile:
    """A zip whose members are safe to read.

    Raises:
        FormatError: ``truncated_archive``, ``corrupt_archive``, ``archive_bomb``, ``archive_link``,
            ``archive_path_escapes``, ``archive_encrypted``.
    """
    place = Place(file)
    if _directory_bytes(stream, place) > limits.directory_bytes:
        raise place.error(
            "archive_bomb",
            f"its directory is larger than {limits.directory_bytes:,} bytes",
            case="directory",
            most_bytes=limits.directory_bytes,
        )
    try:
        archive = zipfile.ZipFile(stream)
    except _UNREADABLE as error:
        raise _corrupt(error, place) from None
    members = archive.infolist()
    if len(members) > limits.members:
        raise place.error(
            "archive_bomb",
            f"holds {len(members):,} files, {limits.members:,} at most; split it into several",
            case="files",
            files=len(members),
            most_files=limits.members,
        )
    for info in members:
        check_name(info.orig_filename, place, limits)
        _check(info, file)
    _check_no_shared_bytes(members, place)
    return archive


@contextmanager
def open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: Place) -> Iterator[IO[bytes]]:
    """The bytes of one member."""
    try:
        stream = archive.open(info)
    except _UNREADABLE as error:
        raise _corrupt(error, place) from None
    with stream:
        yield stream


def is_outside(name: str) -> bool:
    """Whether a member's name is a path outside the archive's own folder."""
    path = name.replace("\\", "/")
    return "\0" in name or path.startswith("/") or bool(_DRIVE.match(path)) or ".." in path.split("/")


def check_name(name: str, file: Place, limits: Limits) -> None:
    """
    Raises:
        FormatError: ``archive_bomb``, where a member's name is longer than a path can be.
    """
    # A name that is not UTF-8 has lone surrogates in place of its bytes.
    if (
        len(name) > limits.member_name_bytes
        or len(name.encode("utf-8", "surrogatepass")) > limits.member_name_bytes
    ):
        raise file.error(
            "archive_bomb",
            f"holds a file whose name is longer than {limits.member_name_bytes:,} bytes ({printable(name[:60])}…); shorten it",
        )


def _check(info: zipfile.ZipInfo, file: str) -> None:
    # zipfile cuts a name at a NUL; `orig_filename` is the name as written.
    name = info.orig_filename
    place = Place(file, name)
    if is_outside(name):
        raise place.error(
            "archive_path_escapes",
            "has a path outside the archive's folder; zip the files by relative names",
            case="zip",
        )
    if not name:
        raise place.error(
            "corrupt_archive", "holds a file without a name; zip it again", case="file_without_name"
        )
    mode = info.external_attr >> 16
    if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise place.error(
            "archive_link", "is a link or a device, not a file; zip the file itself in its place", case="zip"
        )
    if info.flag_bits & 0x1:
        raise place.error("archive_encrypted", "is encrypted; zip it without a password")
    if info.compress_type not in _METHODS:
        raise place.error(
            "corrupt_archive",
            "is compressed by a method other than deflate; zip it again with deflate",
            case="compression_method",
        )


def _check_no_shared_bytes(members: list[zipfile.ZipInfo], place: Place) -> None:
    """Check that no members share bytes.

    With shared bytes, a directory of N entries makes a reader read the same bytes N times. No program writes such an archive.

    Raises:
        FormatError: ``archive_bomb``.
    """
    end = 0
    for info in sorted(members, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise place.error(
                "archive_bomb",
                f"holds files that share their bytes ({printable(info.orig_filename[:60])}); zip it again",
                case="shared_bytes",
                name=printable(info.orig_filename[:60]),
            )
        end = info.header_offset + _LOCAL_HEADER_BYTES + info.compress_size


def _corrupt(error: Exception, place: Place) -> Exception:
    # EINVAL comes from a seek to an invalid offset in the archive; every other numbered error comes from the system.
    if isinstance(error, OSError) and error.errno not in {None, errno.EINVAL}:
        return error
    return place.error(
        "corrupt_archive",
        f"cannot be read as a zip ({error}); zip it again",
        case="unreadable_zip",
        error=error,
    )


def _directory_bytes(stream: BinaryIO, place: Place) -> int:
    """Size of the central directory as the end record states it, found before ``zipfile`` reads the directory into memory."""
    size = size_of(stream)
    head = stream.read(4)
    tail_bytes = min(size, _END.size + 0xFFFF + _LOCATOR_64.size + _END_64.size)
    stream.seek(size - tail_bytes)
    tail = stream.read(tail_bytes)
    stream.seek(0)
    end = tail.rfind(b"PK\x05\x06")
    if end < 0 or end + _END.size > len(tail):
        if head == b"PK\x03\x04":
            raise place.error("truncated_archive", "is cut off before its end; upload it again", case="zip")
        raise place.error(
            "corrupt_archive", "is not a zip file; zip it again, or correct its name", case="no_zip"
        )
    end_64 = end - _LOCATOR_64.size - _END_64.size
    if end_64 >= 0 and tail.startswith(b"PK\x06\x07", end - _LOCATOR_64.size):
        return int(_END_64.unpack_from(tail, end_64)[8])
    return int(_END.unpack_from(tail, end)[5])
