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


def test_transcripts_are_counted_and_their_tables_are_read(zipped: Zipped) -> None:
    members = {f"clips/{n}.wav": wav(tone(200 + n)) for n in range(4)}
    rows = "path\tsentence\n" + "".join(f"{n}.wav\tword number {n}\n" for n in (0, 1, 2, 2, 9))
    members |= {"train.tsv": rows.encode(), "speakers.csv": b"name,age\nx,3\n"}
    report = inspect_audio_file(io.BytesIO(zipped(members)), "a.zip")
    found = report.transcripts
    assert found is not None
    assert (found.rows, found.matched, found.orphans, found.repeated) == (5, 3, 1, 1)
    assert (found.words, found.characters) == (15, 5 * len("word number 0"))
    assert found.first_orphans == ("a.zip (train.tsv), line 6: 9.wav",)
    assert found.examples[0] == ("0.wav", "word number 0")
    assert report.passed_over == {".csv": 1}
    json.dumps(dataclasses.asdict(report))


def test_a_table_beside_the_recordings_is_inspected_alone() -> None:
    report = inspect_audio_file(io.BytesIO(b"file,text\na.wav,one two\n"), "metadata.csv")
    assert (report.samples, report.kind) == (0, "csv")
    assert report.transcripts is not None
    assert (report.transcripts.rows, report.transcripts.words) == (1, 2)


def test_a_damaged_table_in_an_archive_is_told_and_its_recordings_are_used(zipped: Zipped) -> None:
    members = {"a.wav": wav(tone(300)), "t.jsonl": b'{"file": "a.wav", "text": "x"}\n{'}
    report = inspect_audio_file(io.BytesIO(zipped(members)), "a.zip")
    assert report.samples == 1
    assert report.transcripts is not None
    assert report.transcripts.problem is not None
    assert "line 2 is not JSON" in report.transcripts.problem["message"]
