"""The report on an upload of recordings, and its pictures."""

import dataclasses
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from core.formats import FormatError
from core.formats.audio.decoding import Sound
from core.formats.audio.inspection import THUMBNAILS, inspect_audio_file
from core.formats.audio.pictures import sound_sheet, spectrogram, waveform

Zipped = Callable[..., bytes]


def wav(samples: Any, rate: int = 8000) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format="WAV")
    return out.getvalue()


def tone(hertz: float, seconds: float = 0.5, rate: int = 8000) -> Any:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)


def test_a_report_counts_everything(zipped: Zipped) -> None:
    members = {f"cat/{n}.wav": wav(tone(200 + n)) for n in range(30)}
    members |= {"test/dog/a.wav": wav(tone(900)), "cat/again.wav": wav(tone(200))}
    members |= {"cat/bad.wav": b"x", "notes.txt": b"x", "plain.wav": wav(np.stack([tone(50)] * 2, axis=1))}
    report = inspect_audio_file(io.BytesIO(zipped(members)), "a.zip")
    assert (report.samples, report.duplicates, report.held_out, report.bad) == (33, 1, 1, 1)
    assert report.classes == {"cat": 31, "dog": 1}
    assert report.unlabelled == 1
    assert report.ignored == ("notes.txt",)
    assert report.bad_samples[0][0] == "cat/bad.wav"
    assert report.sound["hours"] * 3600 == pytest.approx(16.5)
    assert report.sound["channels"] == {"1": 32, "2": 1}
    assert len(report.thumbnails) == len(report.names) == THUMBNAILS
    json.dumps(dataclasses.asdict(report))

    backwards = dict(reversed(members.items()))
    assert inspect_audio_file(io.BytesIO(zipped(backwards)), "a.zip").names == report.names

    sheet = Image.open(io.BytesIO(sound_sheet(report.thumbnails, 6)))
    assert sheet.size == (6 * 164 - 4, 4 * 124 - 4)


def test_nothing_but_bad_recordings_is_refused(zipped: Zipped) -> None:
    with pytest.raises(FormatError) as error:
        inspect_audio_file(io.BytesIO(zipped({"a.wav": b"x", "b.wav": b"y"})), "a.zip")
    assert error.value.member == "a.wav"


def test_pictures_show_the_sound() -> None:
    loud = Sound(np.float32(tone(1000, 1.0)), 8000, 1, 0)
    wave = waveform(loud, 50, 41)
    assert (wave < 255).any(axis=1).sum() == 21, "half of full scale fills half the height"
    spectrum = spectrogram(loud, 50, 40)
    darkest = spectrum.argmin(axis=0)
    assert set(darkest.tolist()) == {29}, "1 of 4 kHz is a quarter of the height from below"
    for length in (1, 7, 255, 8001):
        short = Sound(np.ones(length, dtype=np.float32), 8000, 1, 0)
        assert waveform(short).shape == (40, 160)
        assert spectrogram(short).shape == (80, 160)
