"""The decoded size of a file's images and recordings is limited relative to the file; large ordinary ones are accepted."""

import gc
import io
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from core.formats import FormatError, Limits, read_documents
from core.formats.audio.decoding import decode_sound
from core.formats.audio.inspection import inspect_audio_file
from core.formats.audio.recordings import RawRecording
from core.formats.audio.statistics import silent_share
from core.formats.errors import Place
from core.formats.image.decoding import ImageSample, decode_ahead
from core.formats.image.images import RawImage
from core.formats.image.inspection import inspect_image_file
from core.formats.image.shrinking import centred_square
from core.formats.limits import Budget


def flat_png(side: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (side, side)).save(out, "PNG")
    return out.getvalue()


def test_many_large_empty_images_are_refused_before_they_are_decoded() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"{number}.png", flat_png(1000))
    limits = Limits(pixels_from=3_000_000, pixels_a_byte=1)
    with pytest.raises(FormatError) as caught:
        inspect_image_file(io.BytesIO(out.getvalue()), "a.zip", limits=limits)
    assert caught.value.code == "archive_bomb"
    assert "pixels" in caught.value.message
    assert inspect_image_file(io.BytesIO(out.getvalue()), "a.zip").samples == 20


def test_reading_in_strips_gives_the_same_numbers() -> None:
    random = np.random.default_rng(0)
    for width, height, size in ((2500, 2100, 64), (2048, 3001, 100), (5000, 1200, 32)):
        image = Image.fromarray(random.integers(0, 256, (height, width, 4), np.uint8))

        def convert(part: Image.Image) -> Image.Image:
            white = Image.new("RGBA", part.size, (255, 255, 255, 255))
            return Image.alpha_composite(white, part).convert("RGB")

        side = min(image.size)
        left, top = (width - side) // 2, (height - side) // 2
        square = convert(image).crop((left, top, left + side, top + side))
        whole = square.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0)
        assert width * height > 4_000_000
        assert np.array_equal(np.asarray(centred_square(image, size, "RGB", convert)), np.asarray(whole))


def test_the_bytes_of_images_read_ahead_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.formats.image.decoding._AHEAD_BYTES", 3 * len(flat_png(20)))
    read = 0

    def found():
        nonlocal read
        for number in range(50):
            read += 1
            yield RawImage(Place("a.zip", f"{number}.png"), flat_png(20), None, held_out=False)

    ahead = []
    for done, sample in enumerate(decode_ahead(found(), 8, 3, threads=1)):
        assert isinstance(sample, ImageSample)
        ahead.append(read - done)
    assert len(ahead) == 50
    assert max(ahead) <= 5


def test_bad_images_are_released_once_they_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The traceback of an error would keep its image until the next garbage collection."""
    monkeypatch.setattr("core.formats.image.decoding._AHEAD_BYTES", 1_000_000)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("good.png", flat_png(20))
        for number in range(40):
            archive.writestr(f"{number}.png", bytes(1_000_000))
    gc.disable()
    tracemalloc.start()
    try:
        report = inspect_image_file(out, "a.zip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        gc.enable()
    assert (report.samples, report.bad) == (1, 40)
    assert peak < 15_000_000


def test_hours_of_silence_are_refused_while_they_are_decoded() -> None:
    out = io.BytesIO()
    soundfile.write(out, np.zeros(40_000_000, np.int16), 16_000, format="FLAC")
    with pytest.raises(FormatError) as caught:
        inspect_audio_file(io.BytesIO(out.getvalue()), "a.flac")
    assert caught.value.code == "archive_bomb"
    raw = RawRecording(Place("a.flac"), out.getvalue(), None, held_out=False)
    budget = Budget(len(out.getvalue()), Limits())
    with pytest.raises(FormatError):
        decode_sound(raw, budget=budget)
    assert budget.spent <= Limits().ratio_from_bytes + 2 * (1 << 18)


def test_a_header_that_claims_too_much_is_refused_before_anything_is_decoded() -> None:
    out = io.BytesIO()
    soundfile.write(out, np.zeros(20_000, np.int16), 16_000, format="FLAC")
    raw = RawRecording(Place("a.flac"), out.getvalue(), None, held_out=False)
    budget = Budget(len(out.getvalue()), Limits())
    with pytest.raises(FormatError) as caught:
        decode_sound(raw, Limits(audio_samples=19_999), budget=budget)
    assert (caught.value.code, budget.spent) == ("audio_too_long", 0)


def test_silence_of_a_long_recording_is_detected_as_in_a_short_one() -> None:
    random = np.random.default_rng(0)
    wave = random.normal(scale=0.1, size=3_000_000).astype(np.float32)
    wave[1_000_000:2_500_000] = 0
    out = io.BytesIO()
    soundfile.write(out, wave, 16_000, format="WAV", subtype="FLOAT")
    sound = decode_sound(RawRecording(Place("a.wav"), out.getvalue(), None, held_out=False))
    assert np.array_equal(sound.samples, wave)
    frame = 320
    starts = np.arange(0, len(wave), frame)
    energy = np.add.reduceat(np.square(wave, dtype=np.float64), starts) / np.diff(
        np.append(starts, len(wave))
    )
    assert silent_share(sound) == pytest.approx(float((energy < 1e-6).mean()))


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv"])
def test_few_long_rows_are_read_to_choose_the_column(name: str) -> None:
    """Of 40 rows of 5 MB each, only a few are in memory at a time, and all are read."""
    head, begin, end = (b"text\n", b"", b"\n") if name == "a.csv" else (b"", b'{"text": "', b'"}\n')
    content = head + b"".join(begin + b"%02d" % number + b"a" * 5_000_000 + end for number in range(40))
    tracemalloc.start()
    found = [len(document) for document in read_documents(io.BytesIO(content), name)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found == [5_000_002] * 40
    assert peak < 80_000_000


@pytest.mark.parametrize("size", ["-5000", "-512", str(1 << 60), str(1 << 70)])
@pytest.mark.parametrize("local", [True, False])
def test_a_size_that_no_file_has_is_refused(size: str, *, local: bool, tmp_path: Path) -> None:
    """In the PAX header of a tar. With a negative size, tarfile read the same header again and again."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.png")
        info.size = len(flat_png(20))
        info.pax_headers = {"size": size}
        archive.addfile(info, io.BytesIO(flat_png(20)))
    (tmp_path / "a.tar").write_bytes(out.getvalue())
    with (tmp_path / "a.tar").open("rb") as file, pytest.raises(FormatError) as caught:
        inspect_image_file(file if local else out, "a.tar")
    assert caught.value.code == "corrupt_archive"


def test_a_negative_size_in_a_header_itself_is_refused() -> None:
    info = tarfile.TarInfo("a.png")
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[124:136] = b"\xff" + (-5000).to_bytes(11, "big", signed=True)
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(FormatError) as caught:
        inspect_image_file(io.BytesIO(bytes(header) + bytes(4096)), "a.tar")
    assert caught.value.code == "corrupt_archive"
