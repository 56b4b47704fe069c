"""Tar archives, read from front to back and believed no further than each header was looked at."""

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, ClassVar, cast

from core.formats.archive import check_name, leads_out
from core.formats.errors import FormatError, Place
from core.formats.limits import Limits
from core.formats.names import is_hidden
from core.formats.source import Source

_UNREADABLE = (tarfile.TarError, ValueError, EOFError, OverflowError, RecursionError)
"""RecursionError: header upon header without a file; tarfile reads each within the one before."""
_HEADERS = {
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
}
"""Members that say more about the one behind them, and that tarfile reads whole."""
_HEADER_BYTES = 1 << 20


_HOLES = ("archive_link", "holds a file with holes; pack it without --sparse")
"""Of their map tarfile would keep every entry."""


class _HeaderError(Exception):
    """A header that is not to be acted upon: an error's code and message."""


class _HeaderBudget:
    """What the headers of one archive may hold together: tarfile takes a second for a few MB of them."""

    def __init__(self, limits: Limits) -> None:
        self._each = limits.header_bytes_each
        self._left = limits.header_bytes

    def spend(self, info: tarfile.TarInfo) -> None:
        self._left -= info.size if info.type in _HEADERS else -self._each
        if self._left < 0:
            raise _HeaderError(
                "archive_bomb",
                "holds more names and comments than files; pack it without extended attributes",
            )


class _CheckedInfo(tarfile.TarInfo):
    """A header that is looked at before tarfile acts upon it."""

    budget: ClassVar[_HeaderBudget]

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_CheckedInfo":
        info = super().frombuf(buf, encoding, errors)
        if info.type in _HEADERS and info.size > _HEADER_BYTES:
            problem = f"has a name or comment of {info.size:,} bytes, {_HEADER_BYTES:,} at most"
            raise _HeaderError("archive_bomb", problem)
        cls.budget.spend(info)
        if info.type == tarfile.GNUTYPE_SPARSE:
            raise _HeaderError(*_HOLES)
        return info

    def _proc_gnusparse_10(self, *_: object) -> None:  # the newest of its layouts has the map among the data
        raise _HeaderError(*_HOLES)


def tar_members(source: Source, limits: Limits, member_bytes: int) -> Iterator[tuple[Place, bytes | None]]:
    """The files in an archive in its own order: where each is, and its bytes; None where they are more than
    ``member_bytes``.

    Raises:
        FormatError: ``archive_path_escapes``, ``archive_link``, ``archive_bomb``, ``corrupt_archive``,
            ``truncated_archive``.
    """
    file = source.place
    checked = type("_Checked", (_CheckedInfo,), {"budget": _HeaderBudget(limits)})
    try:
        with tarfile.open(
            fileobj=cast(BinaryIO, source), mode="r|", bufsize=1 << 18, tarinfo=checked
        ) as archive:
            for count, info in enumerate(archive, 1):
                if count > limits.members:
                    raise file.error(
                        "archive_bomb", f"holds more than {limits.members:,} files; split it in several"
                    )
                # Streaming, tarfile would keep every header that it has passed.
                archive.members = []  # type: ignore[attr-defined]
                check_name(info.name, file, limits)
                place = Place(file.file, info.name)
                if leads_out(info.name):
                    raise place.error(
                        "archive_path_escapes",
                        "leads out of the archive's own folder; pack it by relative names",
                    )
                if info.isdir():
                    continue
                if not info.isreg() or info.issparse():
                    raise place.error(
                        "archive_link", "is a link or a device, no file; pack the file itself in its place"
                    )
                if is_hidden(info.name):
                    continue
                yield place, _content(archive, info, place, member_bytes)
    except FormatError:
        raise
    except _HeaderError as error:
        raise file.error(*error.args) from None
    except _UNREADABLE as error:
        raise file.error("corrupt_archive", f"is no tar that can be read ({error}); pack it again") from None


def _content(
    archive: tarfile.TarFile, info: tarfile.TarInfo, place: Place, member_bytes: int
) -> bytes | None:
    if info.size > member_bytes:
        return None
    member = archive.extractfile(info)
    assert member is not None, info.name
    content = member.read()
    if len(content) != info.size:
        raise place.error("truncated_archive", "is cut off: the archive ends inside it; upload it again")
    return content
