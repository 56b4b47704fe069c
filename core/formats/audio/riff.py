"""Completes WAV files whose header does not state their length. Programs that stream, or that were killed, write such files."""

import struct
from typing import NamedTuple

from core.formats.errors import Place

_UNKNOWN_FROM = 0x7000_0000
"""Data sizes from here on (1.75 GiB, more than any recording that is read here) stand for "not known":
0x7FFFFFFF, 0x7FFFF000 (sox), 2,000,000,000 (arecord), 0xFFFFFFFF (ffmpeg), each also less
the header. A size of less than one frame, such as 0, means the same."""
_KINDS = {b"RIFF": "<", b"RIFX": ">", b"RF64": "<", b"BW64": "<"}


class _Sound(NamedTuple):
    """The positions of the parts of a WAV file."""

    order: str
    """Byte order, in the notation of `struct`."""
    format: bytes
    """The content of the chunk ``fmt ``; empty where there is none."""
    start: int
    """Offset of the audio data, bytes."""
    declared: int
    """Size of the audio data as the header states it, bytes."""


def with_length(content: bytes, place: Place) -> bytes:
    """The recording in a form that libsndfile reads to its end.

    A WAV file (RIFF, RIFX, RF64, BW64) whose header does not state the size of its data gets a header with that size.
    Everything else is returned unchanged.

    libsndfile reads a WAV file that was cut off without an error, so that is checked here.

    Raises:
        FormatError: ``truncated_audio``.
    """
    order = _KINDS.get(content[:4])
    if order is None or content[8:12] != b"WAVE":
        return content
    sound = _find(content, order, place)
    there = len(content) - sound.start
    frame = _frame_bytes(sound)
    if sound.declared >= _UNKNOWN_FROM or (sound.declared < frame and not _are_chunks(content, sound)):
        return _rewritten(content, sound, there)
    if sound.declared // frame > there // frame:
        raise place.error(
            "truncated_audio",
            f"is cut off: its header states {sound.declared:,} bytes of audio and {there:,} are there; copy it again or "
            "remove it",
            case="bytes",
            bytes=there,
            declared_bytes=sound.declared,
        )
    if content[:4] == b"BW64":  # libsndfile does not know BW64, which has the structure of RF64
        return _rewritten(content, sound, min(sound.declared, there))
    return content


def _find(content: bytes, order: str, place: Place) -> _Sound:
    at, long_size, form = 12, None, b""
    while at + 8 <= len(content):
        name = content[at : at + 4]
        size = int(struct.unpack_from(f"{order}I", content, at + 4)[0])
        if name == b"data":
            # In RF64 the size is in a chunk of its own, and the field here holds a placeholder.
            declared = long_size if long_size is not None and size == 0xFFFFFFFF else size
            return _Sound(order, form, at + 8, declared)
        if name == b"ds64" and size >= 16 and at + 24 <= len(content):
            long_size = int(struct.unpack_from("<Q", content, at + 16)[0])
        elif name == b"fmt ":
            form = content[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    raise place.error(
        "truncated_audio",
        "is cut off before its audio data; copy it again or remove it",
        case="no_audio_data",
    )


def _are_chunks(content: bytes, sound: _Sound) -> bool:
    """Whether the bytes after an empty ``data`` chunk are chunks up to the end of the file, and so not audio data."""
    at = sound.start + sound.declared + sound.declared % 2
    while at + 8 <= len(content):
        name = content[at : at + 4]
        if not (name.isascii() and name.decode().isprintable()):
            return False
        size = int(struct.unpack_from(f"{sound.order}I", content, at + 4)[0])
        at += 8 + size + size % 2
    return len(content) <= at <= len(content) + 1


def _frame_bytes(sound: _Sound) -> int:
    """Bytes of one frame: one sample of every channel, or one block of a compressed format."""
    if len(sound.format) < 14:
        return 1
    return int(struct.unpack_from(f"{sound.order}H", sound.format, 12)[0]) or 1


def _rewritten(content: bytes, sound: _Sound, size: int) -> bytes:
    size -= size % _frame_bytes(sound)
    magic = b"RIFX" if sound.order == ">" else b"RIFF"
    form = sound.format + b"\0" * (len(sound.format) % 2)
    chunk = struct.Struct(f"{sound.order}4sI")
    head = chunk.pack(b"fmt ", len(sound.format)) + form + chunk.pack(b"data", size)
    riff = chunk.pack(magic, 4 + len(head) + size + size % 2) + b"WAVE" + head
    return b"".join([riff, memoryview(content)[sound.start : sound.start + size], b"\0" * (size % 2)])
