"""Tar archives, read from front to back and believed no further than each header was looked at."""

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from core.formats.archive import leads_out
from core.formats.errors import FormatError, Place
from core.formats.limits import Limits
from core.formats.names import is_hidden
from core.formats.source import Source

_UNREADABLE = (tarfile.TarError, ValueError, EOFError, OverflowError)


def tar_members(source: Source, limits: Limits, member_bytes: int) -> Iterator[tuple[Place, bytes | None]]:
    """The files in an archive in its own order: where each is, and its bytes; None where they are more than
    ``member_bytes``.

    Raises:
        FormatError: ``archive_path_escapes``, ``archive_link``, ``archive_bomb``, ``corrupt_archive``,
            ``truncated_archive``.
    """
    file = source.place
    try:
        with tarfile.open(fileobj=cast(BinaryIO, source), mode="r|", bufsize=1 << 18) as archive:
            for count, info in enumerate(archive, 1):
                if count > limits.members:
                    raise file.error(
                        "archive_bomb", f"holds more than {limits.members:,} files; split it in several"
                    )
                # Streaming, tarfile would keep every header that it has passed.
                archive.members = []  # type: ignore[attr-defined]
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
