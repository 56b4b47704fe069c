"""Decodes names of files in archives and on disks that are not UTF-8, and converts the backslashes of Windows programs.

A name is a sequence of bytes, and archives seldom state its encoding. A name that is valid UTF-8 is decoded as UTF-8. All
other names of an archive are decoded alike: as Shift-JIS where all of them are valid in it and look like Japanese, else
in the default encoding of that kind of archive. Different bytes give different names, so that classes stay distinct even
where the guess is wrong.
"""

import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Sequence

from core.formats.containers.archive import is_outside

_ZIP_DEFAULT = "cp437"
_DEFAULT = "cp1252"
_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075
"""The extra field in which Info-ZIP and others write a name in UTF-8."""


class _Encoding:
    """Decodes those names of one archive that are not UTF-8. Every name must be given to `look` first."""

    def __init__(self, default: str) -> None:
        self._default = default
        self.has_non_utf8 = False
        """Whether any name was not UTF-8."""
        self._fits = True
        self._double = self._common = self._high = 0

    def look(self, raw: bytes) -> None:
        """Use a name for the choice of the encoding."""
        if raw.isascii() or _utf8(raw) is not None:
            return
        self.has_non_utf8 = True
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
        # In Western encodings, a byte pair that looks like a two-byte character ends in an ASCII letter.
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
        # The checksum shows whether a program that does not know this field has changed the name since.
        if tag == _UNICODE_PATH and len(field) > 5 and field[1:5] == struct.pack("<I", zlib.crc32(raw)):
            name = _utf8(field[5:])
            return None if name is None or is_outside(name) else name
        at += 4 + size
    return None


class TarNames:
    """The paths of a tar's members. They are final once all names were given to `look`."""

    def __init__(self) -> None:
        self._encoding = _Encoding(_DEFAULT)

    @property
    def has_non_utf8(self) -> bool:
        """Whether any name was not UTF-8, so that the results of `look` may differ from those of `read`."""
        return self._encoding.has_non_utf8

    def look(self, info: tarfile.TarInfo) -> str:
        """Use a member's name for the choice of the encoding, and return its path as far as it is known now."""
        self._encoding.look(_raw(info))
        return self.read(info)

    def read(self, info: tarfile.TarInfo) -> str:
        """A member's path, ``/`` between folders."""
        return _path(self._encoding.read(_raw(info)))


def _raw(info: tarfile.TarInfo) -> bytes:
    return info.name.encode("utf-8", "surrogateescape")


def disk_names(names: Iterable[str]) -> dict[str, str]:
    """A mapping from paths as the operating system gives them to their text."""
    listed = list(names)
    encoding = _Encoding(_DEFAULT)
    for name in listed:
        encoding.look(os.fsencode(name))
    # On these file systems a backslash is an ordinary character of a name.
    return {name: encoding.read(os.fsencode(name)) for name in listed}


def _path(name: str) -> str:
    """``name`` with ``/`` between folders; old Windows programs write backslashes into archives."""
    return name.replace("\\", "/")
