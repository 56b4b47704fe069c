"""TensorBoard's event files: metric points as scalars, written and read without TensorFlow and torch.

A file is a sequence of records (TFRecord): the length as uint64 and its masked CRC-32C as uint32, the payload, and the payload's masked
CRC-32C. A payload is a protocol buffer ``tensorboard.Event``. tensorboardX could write them too, but importing it imports torch, which the
API and the worker never load; the few fields that scalars need are written here.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8


class Scalar(NamedTuple):
    """A value of a metric."""

    name: str
    step: int
    value: float
    time: float
    """Unix seconds."""


def _table() -> list[int]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)  # noqa: PLW2901 - shifted in place
        table.append(value)
    return table


_TABLE = _table()


def masked_crc(data: bytes) -> int:
    """CRC-32C (Castagnoli), rotated and offset as TFRecord stores it."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def header(time: float) -> bytes:
    """The first record of a file: the version of the format."""
    return _record(_time(time) + _bytes(3, b"brain.Event:2"))


def restart(time: float, step: int) -> bytes:
    """A record that says that points from ``step`` on are written again; TensorBoard drops those before it in the directory."""
    session_start = _bytes(7, b"\x08\x01")
    return _record(_time(time) + _integer(2, step) + session_start)


def scalar(point: Scalar) -> bytes:
    """The record of a point."""
    value = _bytes(1, point.name.encode()) + b"\x15" + struct.pack("<f", _float32(point.value))
    return _record(_time(point.time) + _integer(2, point.step) + _bytes(5, _bytes(1, value)))


def read_scalars(stream: BinaryIO) -> Iterator[Scalar]:
    """The points of a file. An incomplete last record, as a killed process leaves it, ends the file.

    Raises:
        ValueError: a checksum does not match.
    """
    while len(head := stream.read(12)) == 12:
        (length,) = struct.unpack("<Q", head[:8])
        if struct.unpack("<I", head[8:])[0] != masked_crc(head[:8]):
            raise ValueError("a record's length is damaged")
        payload, check = stream.read(length), stream.read(4)
        if len(check) < 4:
            return
        if struct.unpack("<I", check)[0] != masked_crc(payload):
            raise ValueError("a record is damaged")
        fields = dict(_fields(payload))
        if 5 in fields:
            value = dict(_fields(dict(_fields(fields[5]))[1]))
            (moment,), (number,) = struct.unpack("<d", fields[1]), struct.unpack("<f", value[2])
            yield Scalar(value[1].decode(), _number(fields.get(2, b"\0")), number, moment)


def _float32(value: float) -> float:
    """A value that a float of 32 bits can hold: a larger one is infinite."""
    largest = 3.4028234663852886e38
    return value if not abs(value) > largest else float("inf") * (1 if value > 0 else -1)


def _record(payload: bytes) -> bytes:
    length = struct.pack("<Q", len(payload))
    return b"".join(
        (length, struct.pack("<I", masked_crc(length)), payload, struct.pack("<I", masked_crc(payload)))
    )


def _time(time: float) -> bytes:
    return b"\x09" + struct.pack("<d", time)


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _number(data: bytes) -> int:
    return sum((byte & 0x7F) << 7 * place for place, byte in enumerate(data))


def _fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Number and raw value of each field of a message."""
    at = 0

    def varint() -> bytes:
        nonlocal at
        begin = at
        while message[at] & 0x80:
            at += 1
        at += 1
        return message[begin:at]

    while at < len(message):
        key = _number(varint())
        kind = key & 7
        if kind == 0:
            yield key >> 3, varint()
            continue
        length = _number(varint()) if kind == 2 else {1: 8, 5: 4}[kind]
        yield key >> 3, message[at : at + length]
        at += length
