"""Names of files in archives, and on disks, that are no UTF-8; and the separators that Windows programs write.

A name is bytes, and archives seldom say in which encoding. What is UTF-8 is read as such. The rest of an archive's names are
read alike: as Shift-JIS where all of them fit it and look like Japanese, else as the encoding that their kind of archive
has by default. Different bytes stay different names, so that classes stay apart even where that guess is wrong.
"""

import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence

from core.formats.containers.archive import leads_out

_ZIP_DEFAULT = "cp437"
_DEFAULT = "cp1252"
_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075
"""The extra field in which Info-ZIP and others write a name in UTF-8."""


class _Encoding:
    """How the names of one archive that are no UTF-8 are read; every one is shown to `look` first."""

    def __init__(self, default: str) -> None:
        self._default = default
        self.foreign = False
        """Whether any was no UTF-8."""
        self._fits = True
        self._double = self._common = self._high = 0

    def look(self, raw: bytes) -> None:
        """Take a name into account."""
        if raw.isascii() or _utf8(raw) is not None:
            return
        self.foreign = True
        if not self._fits:
            return
        try:
            text = raw.decode("cp932")
        except UnicodeDecodeError:
            self._fits = False
            return
        for character in text:
            encoded = character.encode("cp932")
            if len(encoded) == 2:
                self._double += 1
                self._common += _is_common(encoded)
                self._high += encoded[1] >= 0x80

    def read(self, raw: bytes) -> str:
        """A name as text."""
        text = _utf8(raw)
        if text is not None:
            return text
        # In the encodings of the West, what looks like a character of two bytes ends in an ASCII letter.
        if self._fits and self._double and 2 * self._common >= self._double <= 2 * self._high:
            return raw.decode("cp932")
        try:
            return raw.decode(self._default)
        except UnicodeDecodeError:
            return raw.decode("latin-1")


def _utf8(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _is_common(encoded: bytes) -> bool:
    """Whether a character of Shift-JIS is kana or one of the 2,965 kanji of level 1."""
    code = int.from_bytes(encoded, "big")
    return 0x829F <= code <= 0x82F1 or 0x8340 <= code <= 0x8396 or 0x889F <= code <= 0x9872


def zip_names(members: Sequence[zipfile.ZipInfo]) -> list[str]:
    """The members' paths, ``/`` between folders; directories end in it."""
    raws = [None if info.flag_bits & _UTF8_FLAG else info.orig_filename.encode("cp437") for info in members]
    encoding = _Encoding(_ZIP_DEFAULT)
    for raw in raws:
        if raw is not None:
            encoding.look(raw)
    names = []
    for info, raw in zip(members, raws, strict=True):
        name = info.orig_filename if raw is None else _unicode_path(info.extra, raw) or encoding.read(raw)
        names.append(_path(name))
    return names


def _unicode_path(extra: bytes, raw: bytes) -> str | None:
    at = 0
    while at + 4 <= len(extra):
        tag, size = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + size]
        # The checksum tells that the name was not changed since by a program that does not know this field.
        if tag == _UNICODE_PATH and len(field) > 5 and field[1:5] == struct.pack("<I", zlib.crc32(raw)):
            name = _utf8(field[5:])
            return None if name is None or leads_out(name) else name
        at += 4 + size
    return None


class TarNames:
    """The paths of a tar's members, once all of them were looked at."""

    def __init__(self) -> None:
        self._encoding = _Encoding(_DEFAULT)

    @property
    def foreign(self) -> bool:
        """Whether any name was no UTF-8, so that what `look` returned was not yet what `read` says."""
        return self._encoding.foreign

    def look(self, info: tarfile.TarInfo) -> str:
        """Take a member's name into account, and read it as far as is known by now."""
        self._encoding.look(_raw(info))
        return self.read(info)

    def read(self, info: tarfile.TarInfo) -> str:
        """A member's path, ``/`` between folders."""
        return _path(self._encoding.read(_raw(info)))


def _raw(info: tarfile.TarInfo) -> bytes:
    return info.name.encode("utf-8", "surrogateescape")


def disk_names(names: Iterable[str]) -> dict[str, str]:
    """Paths as the operating system gave them, and each as text."""
    listed = list(names)
    encoding = _Encoding(_DEFAULT)
    for name in listed:
        encoding.look(os.fsencode(name))
    # A backslash is a character like others here.
    return {name: encoding.read(os.fsencode(name)) for name in listed}


def _path(name: str) -> str:
    """``name`` as the operating systems of today write paths; old programs on Windows put backslashes into archives."""
    return name.replace("\\", "/")
