"""Recordings whose header does not state their length, as streaming programs write them, are read to the end."""

import struct

import numpy as np
import pytest

from core.formats.audio.decoding import Sound
from tests.core.formats.audio.test_audio import decoded, noise, refused, wav

UNKNOWN = [
    0,
    1,
    0x7FFFFFFF,
    0x7FFFF000,
    0x7FFFEFDC,
    0x7FFFFFDB,
    0x80000000,
    2_000_000_000,
    0xFFFFFFFF,
    0xFFFFFFDB,
]


def with_size(content: bytes, size: int, riff: int | None = None) -> bytes:
    """A WAV file whose header states another size of its audio data, and of the whole file."""
    at = content.index(b"data")
    whole = content[4:8] if riff is None else struct.pack("<I", riff)
    return content[:4] + whole + content[8 : at + 4] + struct.pack("<I", size) + content[at + 8 :]


@pytest.mark.parametrize("riff", [0, 36, 0x7FFFFFFF, 0xFFFFFFFF, None])
@pytest.mark.parametrize("size", UNKNOWN)
def test_an_unknown_length_is_read_to_the_end(size: int, riff: int | None) -> None:
    sound = decoded(with_size(wav(noise()), size, riff))
    assert sound.samples == pytest.approx(noise(), abs=1e-4)
    assert sound.sampling_rate == 8000


@pytest.mark.parametrize(
    ("kind", "subtype", "channels"),
    [
        ("WAV", "PCM_U8", 1),
        ("WAV", "PCM_24", 3),
        ("WAV", "FLOAT", 2),
        ("WAV", "ULAW", 1),
        ("WAV", "IMA_ADPCM", 1),
        ("WAV", "MS_ADPCM", 2),
        ("WAV", "GSM610", 1),
        ("WAVEX", "PCM_16", 2),
        ("WAVEX", "FLOAT", 6),
    ],
)
def test_an_unknown_length_in_every_encoding(kind: str, subtype: str, channels: int) -> None:
    samples = np.stack([noise(1200, seed) for seed in range(channels)], axis=1)
    content = wav(samples, 8000, subtype, kind)
    same(decoded(with_size(content, 0xFFFFFFFF)), decoded(content))
    # The last frame is cut off, as when a stream is ended.
    cut = decoded(with_size(content, 0x7FFFF000) + b"\x01" * (2 * channels - 1))
    assert len(cut.samples) >= len(decoded(content).samples)


def same(one: Sound, other: Sound) -> None:
    assert np.array_equal(one.samples, other.samples)
    assert (one.channels, one.sampling_rate, one.clipped) == (
        other.channels,
        other.sampling_rate,
        other.clipped,
    )


@pytest.mark.parametrize("size", [0, 2**31, 2**62, 2**63 - 1, 2**64 - 1])
@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_an_unknown_length_in_rf64(magic: bytes, size: int) -> None:
    content = wav(noise(), kind="RF64")
    at = content.index(b"ds64") + 16
    changed = magic + content[4:at] + struct.pack("<Q", size) + content[at + 8 :]
    same(decoded(changed), decoded(content))
    same(decoded(magic + content[4:]), decoded(content))
    longer = magic + content[4:at] + struct.pack("<Q", 1602) + content[at + 8 :]
    assert refused(longer).code == "truncated_audio"


def test_big_endian_and_chunks_on_both_sides() -> None:
    body = (np.arange(100) * 100).astype(">i2")
    head = b"RIFX\0\0\0\0WAVEJUNK\0\0\0\x03abc\0fmt \0\0\0\x10" + struct.pack(
        ">HHIIHH", 1, 1, 8000, 16000, 2, 16
    )
    for size in (200, 0xFFFFFFFF):
        found = decoded(head + b"data" + struct.pack(">I", size) + body.tobytes())
        assert found.samples == pytest.approx(body / 32768, abs=1e-6)
    content = wav(noise())
    same(decoded(content + b"LIST\x05\0\0\0abcde\0" + b"id3 \x02\0\0\0ab"), decoded(content))


def test_a_flac_stream_without_its_length() -> None:
    content = bytearray(wav(noise(9000), kind="FLAC"))
    whole = decoded(bytes(content))
    content[21] &= 0xF0  # clears the upper bits of the number of samples in STREAMINFO (36 bits)
    content[22:26] = bytes(4)
    same(decoded(bytes(content)), whole)
    assert refused(bytes(content[:-50])).code in {"bad_audio", "truncated_audio"}
    assert refused(bytes(content[:60])).code == "bad_audio"


def test_truncated_and_empty_files_are_refused() -> None:
    content = wav(noise())
    assert refused(with_size(content, 5000)).code == "truncated_audio"
    assert refused(with_size(content, 0x20000000)).code == "truncated_audio"
    assert refused(content[:-1]).code == "truncated_audio"
    nothing = content[: content.index(b"data") + 8]
    assert "0 seconds" in refused(with_size(nothing, 0)).message
    assert "0 seconds" in refused(with_size(nothing, 0xFFFFFFFF)).message
    assert "0 seconds" in refused(with_size(nothing + b"LIST\x04\0\0\0abcd", 0)).message
    # The stated size has half a frame more than the data: no whole frame is missing.
    assert len(decoded(with_size(content, 1601)).samples) == 800
