"""Mutations of a valid file: of bits, spans of bytes, length fields, and whole members."""

import random
import struct
import zlib
from collections.abc import Callable, Sequence

from benchmarks.malformed.corpus import Sample

_LARGEST = 1 << 20
"""The largest size of a mutated file, in bytes: the benchmark looks for small harmful files."""
_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFF000,
            2**31 - 37, 2**32 - 8, 10**9, 2**62, 2**63 - 1, 2**64 - 1)  # fmt: skip
_WORDS = (
    b"\0", b"\xff" * 8, b"\xef\xbb\xbf", b"\xff\xfe", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06", b"ustar\x0000", b"ustar  \0",
    b"PAR1", b"RIFF", b"RF64", b"WAVEfmt ", b"data", b"ds64", b"fLaC", b"OggS", b"\x89PNG\r\n\x1a\n", b"IDAT", b"IHDR", b"iCCP", b"tRNS", b"acTL",
    b"\xff\xd8\xff\xe0", b"\xff\xc0", b"\xff\xc2", b"\xff\xda", b"Exif\0\0", b"VP8X", b"VP8L", b"ANMF", b"II*\0", b"MM\0*", b"BM", b"\0\0\x08\x03",
    b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"[" * 5000, b'{"a":' * 3000, b'"', b'""', b"'", b"\\u0000", b"\\ud800", b"1e999", b"-0", b"NaN",
    b"9" * 5000, b"null", b"true", b",", b";", b"\t", b"\n", b"\r\n", b"\x0c", b"30 path=../x\n", b"GNU.sparse.major", b"../", b"/", b"\\", b"C:",
    "\u202e".encode(), "\U0001f600".encode(), b"\xed\xa0\x80", b"vocab", b'"id":4294967295', b'{"type":"Precompiled","precompiled_charsmap":"AAAA"}',
)  # fmt: skip

Mutation = Callable[[random.Random, bytes, Sequence[Sample]], bytes]


def mutate(rng: random.Random, sample: Sample, others: Sequence[Sample]) -> bytes:
    """A damaged copy of a sample; the same for the same state of ``rng``."""
    content = sample.content
    if sample.pack is not None and rng.random() < 0.5:
        # Mutate a member, and pack it again with correct checksums.
        members = dict(sample.members)
        for name in rng.sample(list(members), min(len(members), rng.randint(1, 3))):
            members[name] = _mutated(rng, members[name], others)
        if "" not in members and rng.random() < 0.2:
            name = rng.choice(list(members))
            members[_name(rng, name)] = members.pop(name)
        try:
            content = sample.pack(members)
        except (ValueError, UnicodeError, OSError):
            content = sample.content
        if rng.random() < 0.7:
            return content
    return _mutated(rng, content, others)


def _mutated(rng: random.Random, content: bytes, others: Sequence[Sample]) -> bytes:
    for _ in range(1 if rng.random() < 0.4 else rng.randint(2, 6)):
        content = rng.choice(_MUTATIONS)(rng, content, others)[:_LARGEST]
    return _checksums(content) if rng.random() < 0.7 else content


def _name(rng: random.Random, name: str) -> str:
    return rng.choice([
        f"../{name}", name.upper(), f"{name}/x", f"\\{name}", f"C:{name}", "x" * 5000 + name, "é" * 300 + name, f"{name}\x01",
        f"train/{name}", f"test/train/{name}", "a/" * 400 + name, f"{name}.txt", f".{name}", " ",
    ])  # fmt: skip


def _span(rng: random.Random, content: bytes, longest: int = 1 << 14) -> tuple[int, int]:
    if not content:
        return 0, 0
    start = rng.randrange(len(content))
    return start, min(len(content), start + 1 + int(longest ** rng.random()))


def _flip(rng: random.Random, content: bytes, _: Sequence[Sample]) -> bytes:
    changed = bytearray(content)
    for _number in range(rng.choice((1, 1, 2, 8, 64)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _noise(rng: random.Random, content: bytes, _: Sequence[Sample]) -> bytes:
    start, end = _span(rng, content, 64)
    return content[:start] + rng.randbytes(end - start) + content[end:]


def _truncate(rng: random.Random, content: bytes, _: Sequence[Sample]) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[at:] if rng.random() < 0.2 else content[:at]


def _remove(rng: random.Random, content: bytes, _: Sequence[Sample]) -> bytes:
    start, end = _span(rng, content)
    return content[:start] + content[end:]


def _repeat(rng: random.Random, content: bytes, _: Sequence[Sample]) -> bytes:
    start, end = _span(rng, content)
    times = rng.choice((1, 1, 2, 10, 1000))
    return content[:end] + content[start:end] * min(times, _LARGEST // max(1, end - start)) + content[end:]


def _splice(rng: random.Random, content: bytes, others: Sequence[Sample]) -> bytes:
    other = rng.choice(others).content
    start, end = _span(rng, other)
    at, until = _span(rng, content)
    return content[:at] + other[start:end] + content[until if rng.random() < 0.5 else at :]


def _move(rng: random.Random, content: bytes, _: Sequence[Sample]) -> bytes:
    start, end = _span(rng, content)
    rest = content[:start] + content[end:]
    at = rng.randrange(len(rest) + 1)
    return rest[:at] + content[start:end] + rest[at:]


def _number(rng: random.Random, content: bytes, _: Sequence[Sample]) -> bytes:
    """Overwrite bytes with an extreme number, which may hit a length or count."""
    form = rng.choice("BHIQ")
    size = struct.calcsize(form)
    if len(content) < size:
        return content
    at = (
        rng.randrange(min(len(content), 1 << 16 if rng.random() < 0.3 else 200) - size + 1)
        if len(content) > size
        else 0
    )
    at = len(content) - size - at if rng.random() < 0.25 else at
    if at < 0:
        return content
    value = rng.choice(_NUMBERS)
    if rng.random() < 0.3:
        value = int.from_bytes(content[at : at + size], "little") + rng.choice((-1, 1, 2, 4, 256))
    packed = struct.pack(rng.choice("<>") + form, value % (1 << 8 * size))
    return content[:at] + packed + content[at + size :]


def _word(rng: random.Random, content: bytes, _: Sequence[Sample]) -> bytes:
    word = rng.choice(_WORDS)
    at = rng.randrange(len(content) + 1)
    return content[:at] + word + content[at + (len(word) if rng.random() < 0.5 else 0) :]


_MUTATIONS: tuple[Mutation, ...] = (
    _flip, _flip, _noise, _truncate, _remove, _repeat, _splice, _move, _number, _number, _number, _word, _word,
)  # fmt: skip


def _checksums(content: bytes) -> bytes:
    """Correct the checksums of a PNG's chunks and a tar's headers, so that readers go on to the mutated bytes."""
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(content)
    return _tar(content) if content[257:262] == b"ustar" else content


def _png(content: bytes) -> bytes:
    changed, at = bytearray(content), 8
    while at + 12 <= len(changed):
        end = at + 8 + int.from_bytes(changed[at : at + 4], "big")
        if end + 4 > len(changed):
            break
        changed[end : end + 4] = zlib.crc32(changed[at + 4 : end]).to_bytes(4, "big")
        at = end + 4
    return bytes(changed)


def _tar(content: bytes) -> bytes:
    changed = bytearray(content)
    for at in range(0, len(changed) - 511, 512):
        if changed[at + 257 : at + 262] == b"ustar":
            changed[at + 148 : at + 156] = b" " * 8
            changed[at + 148 : at + 156] = b"%06o\0 " % sum(changed[at : at + 512])
    return bytes(changed)
