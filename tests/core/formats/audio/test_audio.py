"""Archives of recordings: what is read from them, and what is refused."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile

from core.formats import FormatError, Limits
from core.formats.audio.decoding import decode_sound
from core.formats.audio.recordings import AudioNotes, RawRecording, read_recordings
from core.formats.audio.statistics import SoundStatistics, silent_share
from tests.core.archives import tarred

Zipped = Callable[..., bytes]


def wav(samples: Any, rate: int = 8000, subtype: str = "PCM_16", kind: str = "WAV") -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, subtype=subtype)
    return out.getvalue()


def noise(count: int = 800, seed: int = 0) -> Any:
    return np.random.default_rng(seed).uniform(-0.9, 0.9, count)


def read(content: bytes, name: str, **options: Any) -> list[RawRecording | FormatError]:
    return list(read_recordings(io.BytesIO(content), name, **options))


def decoded(content: bytes, name: str = "a.wav") -> Any:
    (raw,) = read(content, name)
    assert isinstance(raw, RawRecording)
    return decode_sound(raw)


def refused(content: bytes, name: str = "a.wav") -> FormatError:
    with pytest.raises(FormatError) as error:
        decoded(content, name)
    return error.value


def test_folders_name_classes_and_splits(zipped: Zipped) -> None:
    notes = AudioNotes()
    members = {
        "train/cat/b.wav": wav(noise()),
        "test/dog/a.wav": wav(noise()),
        "notes.txt": b"x",
        "__MACOSX/._a.wav": b"x",
        "a.wav": wav(noise()),
    }
    found = read(zipped(members), "a.zip", notes=notes)
    assert [(one.path, one.label, one.held_out) for one in found if isinstance(one, RawRecording)] == [
        ("a.wav", None, False),
        ("test/dog/a.wav", "dog", True),
        ("train/cat/b.wav", "cat", False),
    ]
    assert (notes.members, notes.ignored.names) == (3, ["notes.txt"])


@pytest.mark.parametrize(
    ("subtype", "kind", "tolerance"),
    [
        ("PCM_U8", "WAV", 1 / 100),
        ("PCM_16", "WAV", 1e-4),
        ("PCM_24", "WAV", 1e-6),
        ("PCM_32", "WAV", 1e-6),
        ("FLOAT", "WAV", 1e-6),
        ("DOUBLE", "WAV", 1e-6),
        ("PCM_16", "WAVEX", 1e-4),
        ("PCM_24", "FLAC", 1e-6),
        ("PCM_16", "RF64", 1e-4),
    ],
)
def test_every_encoding_gives_the_same_samples(subtype: str, kind: str, tolerance: float) -> None:
    sound = decoded(wav(noise(), 16000, subtype, kind))
    assert sound.samples.dtype == np.float32
    assert sound.samples == pytest.approx(noise(), abs=tolerance)
    assert (sound.sampling_rate, sound.channels, sound.clipped) == (16000, 1, 0)


def test_channels_are_averaged_and_clipping_is_counted() -> None:
    left, right = noise(100), noise(100, 1)
    left[:7] = 1.0
    sound = decoded(wav(np.stack([left, right, right], axis=1)))
    assert sound.samples == pytest.approx((left + 2 * right) / 3, abs=1e-4)
    assert (sound.channels, sound.clipped) == (3, 7)


def test_a_bad_member_does_not_affect_the_others(zipped: Zipped) -> None:
    content = bytearray(zipped({"a.wav": wav(noise()), "b.wav": wav(noise(seed=1))}, zipfile.ZIP_STORED))
    content[300] ^= 0xFF  # a byte of a.wav, so that its checksum is wrong
    first, second = read(bytes(content), "x.zip")
    assert isinstance(first, FormatError)
    assert "x.zip (a.wav)" in str(first)
    assert isinstance(second, RawRecording)


def test_hostile_archives_are_refused(zipped: Zipped) -> None:
    link = zipfile.ZipInfo("a.wav")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    good = wav(noise())
    cases = {
        "archive_path_escapes": {"../a.wav": good},
        "no_audio": {"a.txt": b"x"},
        "archive_bomb": {f"{n}.wav": good for n in range(4)},
    }
    archives = [("x.zip", code, zipped(members)) for code, members in cases.items()]
    archives += [("x.tar", code, tarred(members)) for code, members in cases.items()]
    for name, code, content in (*archives, ("x.zip", "archive_link", zipped({link: b"/etc/passwd"}))):
        with pytest.raises(FormatError) as error:
            read(content, name, limits=Limits(members=3))
        assert (error.value.code, error.value.file) == (code, name)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_links_in_a_tar_are_refused(kind: bytes) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        info = tarfile.TarInfo("a.wav")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(FormatError) as error:
        read(out.getvalue(), "x.tar")
    assert error.value.code == "archive_link"


def test_a_decompression_bomb_is_refused_at_the_first_byte_above_the_limit(zipped: Zipped) -> None:
    members = {"a.wav": bytes(1 << 20)}
    for name, content in (("x.zip", zipped(members)), ("x.tar.gz", tarred(members, "w:gz"))):
        with pytest.raises(FormatError) as error:
            read(content, name, limits=Limits(ratio=50, ratio_from_bytes=1000))
        assert (error.value.code, error.value.file) == ("archive_bomb", name)


def test_recordings_that_are_too_long_are_named() -> None:
    (large,) = read(wav(noise()), "a.wav", limits=Limits(audio_bytes=100))
    assert isinstance(large, FormatError)
    assert large.code == "audio_too_long"
    (raw,) = read(wav(noise()), "a.wav")
    assert isinstance(raw, RawRecording)
    with pytest.raises(FormatError) as error:
        decode_sound(raw, Limits(audio_samples=799))
    assert error.value.code == "audio_too_long"


def test_sizes_and_rates_of_headers_are_checked() -> None:
    good = wav(noise())
    assert refused(good[:-1]).code == "truncated_audio"
    assert refused(good[:30]).code == "truncated_audio"
    assert refused(good[:40] + (5000).to_bytes(4, "little") + good[44:]).code == "truncated_audio"
    # A program that writes into a pipe does not know the size: everything after the header is audio data.
    piped = good[:4] + b"\xff" * 4 + good[8:40] + b"\xff" * 4 + good[44:]
    assert decoded(piped).samples == pytest.approx(noise(), abs=1e-4)
    # A sampling rate that no recorder has.
    assert refused(good[:24] + (3).to_bytes(4, "little") + good[28:]).code == "bad_audio"
    assert refused(good[:22] + (0).to_bytes(2, "little") + good[24:]).code == "bad_audio"


def test_content_that_is_no_audio_is_refused() -> None:
    for content in (b"x" * 100, b"OggS" + bytes(100), b"fLaC", b"RIFF\x00\x00\x00\x00WAVE", bytes(1000)):
        assert refused(content).code in {"bad_audio", "truncated_audio"}
    assert (
        "not a finite number, at sample 500"
        in refused(wav(np.r_[noise(500), np.nan], subtype="FLOAT")).message
    )
    assert "0 seconds" in refused(wav(np.zeros(0))).message
    aiff = io.BytesIO()
    soundfile.write(aiff, noise(), 8000, format="AIFF")
    assert "AIFF" in refused(aiff.getvalue()).message


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_any_cut_or_changed_byte_is_read_or_refused(kind: str) -> None:
    content = wav(noise(4000), subtype="VORBIS" if kind == "OGG" else "PCM_16", kind=kind)
    random = np.random.default_rng(0)
    for cut in random.integers(1, len(content), 40):
        with pytest.raises(FormatError):
            decoded(content[:cut])
    for at in random.integers(0, len(content), 60):
        changed = bytearray(content)
        changed[at] ^= 1 << int(random.integers(8))
        try:
            assert np.isfinite(decoded(bytes(changed)).samples).all()
        except FormatError as error:
            assert error.code in {"bad_audio", "truncated_audio", "audio_too_long"}  # noqa: PT017


def test_statistics_add_up() -> None:
    statistics = SoundStatistics()
    quiet = np.r_[noise(4000), np.zeros(4000)]
    statistics.add(decoded(wav(quiet)))
    statistics.add(decoded(wav(np.stack([noise(16000)] * 2, axis=1), 16000)))
    facts = statistics.facts
    assert facts["recordings"] == 2
    assert facts["hours"] * 3600 == pytest.approx(2.0)
    assert facts["sampling_rates"] == {"8000": 1, "16000": 1}
    assert facts["channels"] == {"1": 1, "2": 1}
    assert facts["silent_share"] == pytest.approx(0.25, abs=0.01)
    assert facts["length_histogram"] == [0, 0, 0, 0, 2]
    assert facts["clipped_share"] == 0.0


def test_a_shorter_last_frame_counts_as_one() -> None:
    sound = decoded(wav(np.r_[np.zeros(160), noise(10)]))
    assert silent_share(sound) == 0.5
