"""Tar archives, read from front to back. Each header is checked before its member is read."""

import tarfile
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, ClassVar, Literal, cast

from core.formats.containers.archive import check_name, is_outside
from core.formats.containers.source import Source, size_of
from core.formats.errors import FormatError, Place
from core.formats.limits import Budget, Limits
from core.formats.names import Compression

_UNREADABLE = (tarfile.TarError, ValueError, EOFError, OverflowError, RecursionError)
"""RecursionError: many headers in a row without a file, because tarfile reads each header inside the call for the one before."""
_HEADERS = {
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
}
"""Types of extended header, which describe the next member and which tarfile reads whole into memory."""
_HEADER_BYTES = 1 << 20


_HOLES = ("archive_link", "holds a sparse file; pack it without --sparse")
"""Sparse files are refused: tarfile would hold every entry of their map in memory."""


class _HeaderError(Exception):
    """A header that is refused; its arguments are the error's code and message."""


class _HeaderBudget:
    """The limit on the headers of one archive together: tarfile takes about 1 s for a few MB of extended headers."""

    def __init__(self, limits: Limits) -> None:
        self._each = limits.header_bytes_each
        self._left = limits.header_bytes
        self._largest = limits.content_bytes

    def check(self, size: int) -> None:
        """Refuse a size below 0, at which tarfile reads the same header for ever, and a size over every limit, where no data can be."""
        if not 0 <= size <= self._largest:
            problem = f"states a size of {size:,} bytes for a file, which is not possible; pack it again"
            raise _HeaderError("corrupt_archive", problem)

    def spend(self, info: tarfile.TarInfo) -> None:
        self._left -= info.size if info.type in _HEADERS else -self._each
        if self._left < 0:
            raise _HeaderError(
                "archive_bomb",
                "holds more names and comments than files; pack it without extended attributes",
            )


class _CheckedInfo(tarfile.TarInfo):
    """A header that is checked before tarfile uses it."""

    budget: ClassVar[_HeaderBudget]

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_CheckedInfo":
        info = super().frombuf(buf, encoding, errors)
        cls.budget.check(info.size)
        if info.type in _HEADERS and info.size > _HEADER_BYTES:
            problem = f"has a name or comment of {info.size:,} bytes, {_HEADER_BYTES:,} at most"
            raise _HeaderError("archive_bomb", problem)
        cls.budget.spend(info)
        if info.type == tarfile.GNUTYPE_SPARSE:
            raise _HeaderError(*_HOLES)
        return info

    def _apply_pax_info(self, *told: object) -> None:  # a PAX header may set another size
        super()._apply_pax_info(*told)  # type: ignore[misc]  # typeshed does not know it
        self.budget.check(self.size)

    def _proc_gnusparse_10(self, *_: object) -> None:  # in sparse format 1.0 the map is part of the data
        raise _HeaderError(*_HOLES)


def tar_headers(
    stream: BinaryIO, compression: Compression | None, file: Place, limits: Limits
) -> Iterator[tarfile.TarInfo]:
    """The headers of an archive's files, in archive order, without the content. ``stream`` is left at its start.

    Raises:
        FormatError: as `tar_files`.
    """
    size = size_of(stream)
    if compression is None and _is_local(stream):
        found = _infos(stream, "r:", file, limits)
    else:
        found = _infos(Source(stream, compression, file, Budget(size, limits)), "r|", file, limits)
    for _, info in found:
        yield info
    stream.seek(0)


def tar_files(
    source: Source, limits: Limits
) -> Iterator[tuple[tarfile.TarInfo, Callable[[int], bytes | None]]]:
    """The files of an archive, in archive order: the header of each, and a function that reads its content.

    The function takes the maximum number of bytes, and returns None where the content is larger. Call it before the next
    file is taken from the iterator, or not at all.

    Raises:
        FormatError: ``archive_path_escapes``, ``archive_link``, ``archive_bomb``, ``corrupt_archive``,
            ``truncated_archive``.
    """
    for archive, info in _infos(source, "r|", source.place, limits):
        yield info, partial(_content, archive, info, Place(source.place.file, info.name))


def _infos(
    stream: BinaryIO | Source, mode: Literal["r:", "r|"], file: Place, limits: Limits
) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    checked = type("_Checked", (_CheckedInfo,), {"budget": _HeaderBudget(limits)})
    try:
        with tarfile.open(
            fileobj=cast(BinaryIO, stream), mode=mode, bufsize=1 << 18, tarinfo=checked
        ) as archive:
            for count, info in enumerate(archive, 1):
                if count > limits.members:
                    raise file.error(
                        "archive_bomb", f"holds more than {limits.members:,} files; split it into several"
                    )
                # tarfile would keep every header that it has read.
                archive.members = []  # type: ignore[attr-defined]
                check_name(info.name, file, limits)
                place = Place(file.file, info.name)
                if is_outside(info.name):
                    raise place.error(
                        "archive_path_escapes",
                        "has a path outside the archive's folder; pack it by relative names",
                        case="tar",
                    )
                if info.isdir():
                    continue
                if not info.isreg() or info.issparse():
                    raise place.error(
                        "archive_link",
                        "is a link or a device, not a file; pack the file itself in its place",
                        case="tar",
                    )
                yield archive, info
    except FormatError:
        raise
    except _HeaderError as error:
        raise file.error(*error.args) from None
    except _UNREADABLE as error:
        if "unexpected end of data" in str(error):
            raise file.error("truncated_archive", "is cut off before its end; upload it again") from None
        raise file.error("corrupt_archive", f"cannot be read as a tar ({error}); pack it again") from None


def _is_local(stream: BinaryIO) -> bool:
    """Whether seeking is cheap, as in a file on this machine."""
    try:
        stream.fileno()
    except OSError:
        return False
    return True


def _content(archive: tarfile.TarFile, info: tarfile.TarInfo, place: Place, at_most: int) -> bytes | None:
    if info.size > at_most:
        return None
    member = archive.extractfile(info)
    assert member is not None, info.name
    content = member.read()
    if len(content) != info.size:
        raise place.error(
            "truncated_archive", "is cut off: the archive ends inside it; upload it again", case="tar"
        )
    return content
