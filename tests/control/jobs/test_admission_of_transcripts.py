"""Jobs on recordings whose transcripts cannot be learned are refused when they are submitted, as the engine would refuse them."""

import io
import zipfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from control.db import WriteSession
from tests.control.jobs.agreement import Upload, admitted, engine_refuses, inspected
from tests.factories import make_project


def job(missing: str = "refuse", **audio: Any) -> dict[str, Any]:
    return {
        "name": "any",
        "task": {
            "kind": "speech_recognition",
            "feature_encoder": {"kernels": [16, 8, 4], "strides": [8, 5, 4], "channels": 8},
            "position_kernel": 8,
        },
        "model": {"layers": 1, "hidden_size": 16, "heads": 2},
        "training": {"steps": 1, "batch_size": 2},
        "data": {"audio": {"sampling_rate": 8000, **audio}, "on_missing_label": missing},
    }


def sound(seed: int) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(seed).normal(scale=0.1, size=4000)
    soundfile.write(out, noise, 8000, format="WAV")
    return out.getvalue()


def short() -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.random.default_rng(99).normal(scale=0.1, size=900), 8000, format="WAV")
    return out.getvalue()


def unread(**audio: Any) -> dict[str, Any]:
    """A job that skips recordings that cannot be used."""
    document = job(**audio)
    return document | {"data": document["data"] | {"on_bad_sample": "skip"}}


def recordings(count: int = 8) -> dict[str, bytes]:
    return {f"{number}.wav": sound(number) for number in range(count)}


def table(*names: str, begin: str = "file,text\n", more: str = "") -> bytes:
    return (begin + "".join(f"{name},ab\n" for name in names) + more).encode()


def zipped(members: dict[str, bytes], name: str = "a.zip") -> Upload:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return Upload(name, out.getvalue())


def packed(*, sounds: bool = True) -> bytes:
    """A table as the `datasets` library writes it, with the recordings or only with their paths."""
    out = io.BytesIO()
    column = [{"bytes": content if sounds else None, "path": name} for name, content in recordings().items()]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    pq.write_table(pa.table({"audio": pa.array(column, kind), "text": ["ab"] * 8}), out)
    return out.getvalue()


ALL = tuple(f"{number}.wav" for number in range(8))
APART = [zipped(recordings(), "r.zip")]
LOOSE = [Upload(name, content) for name, content in recordings().items()]
CASES: dict[str, tuple[dict[str, Any], list[Upload], str | None, str]] = {
    "in the archive": (job(), [zipped(recordings() | {"t.csv": table(*ALL)})], None, ""),
    "beside the archive": (job(), [*APART, Upload("t.csv", table(*ALL))], None, ""),
    "beside recordings": (job(), [*LOOSE, Upload("t.csv", table(*ALL))], None, ""),
    "a mark and CRLF": (
        job(),
        [*APART, Upload("t.csv", b"\xef\xbb\xbf" + table(*ALL).replace(b"\n", b"\r\n"))],
        None,
        "",
    ),
    "repeated rows": (job(), [*APART, Upload("t.csv", table(*ALL, "0.wav"))], None, ""),
    "none": (job(), APART, "transcripts_missing", "no recording has a transcript"),
    "none to skip": (job("skip"), APART, "transcripts_missing", "no recording has a transcript"),
    "columns that the spec names": (
        job(file_column="clip", transcript_column="said"),
        [*APART, Upload("t.csv", table(*ALL, begin="clip,said\n"))],
        None,
        "",
    ),
    "without its recording": (
        job(),
        [zipped(recordings() | {"t.csv": table(*ALL, "9.wav")})],
        "transcript_without_recording",
        "a.zip (t.csv), line 10: the dataset has no recording '9.wav'",
    ),
    "without its recording beside the archive": (
        job(),
        [*APART, Upload("t.csv", table("9.wav", *ALL))],
        "transcript_without_recording",
        "t.csv, line 2: the dataset has no recording '9.wav'",
    ),
    "without its recording beside recordings": (
        job(),
        [*LOOSE, Upload("t.csv", table("9.wav", *ALL))],
        "transcript_without_recording",
        "t.csv, line 2",
    ),
    "without its recording to skip": (
        job("skip"),
        [zipped(recordings() | {"t.csv": table(*ALL, "9.wav")})],
        None,
        "",
    ),
    "no recording has its transcript": (
        job("skip"),
        [zipped(recordings() | {"t.csv": table("x.wav")})],
        "transcript_without_recording",
        "a.zip (t.csv), line 2",
    ),
    "some recordings without": (
        job(),
        [zipped(recordings() | {"t.csv": table(*ALL[:5])})],
        "labels_missing",
        "at least 3 of the dataset's 8 recordings",
    ),
    "some recordings without beside the archive": (
        job(),
        [*APART, Upload("t.csv", table(*ALL[:5]))],
        "labels_missing",
        "at least 3 of the dataset's 8 recordings",
    ),
    "some recordings without to skip": (
        job("skip"),
        [zipped(recordings() | {"t.csv": table(*ALL[:5])})],
        None,
        "",
    ),
    "a recording that is there twice": (
        job(),
        [zipped(recordings() | {"again.wav": sound(0), "t.csv": table(*ALL, "again.wav")})],
        None,
        "",
    ),
    "an empty table": (
        job(),
        [zipped(recordings()), Upload("t.csv", b"file,text\n")],
        "transcripts_missing",
        "no recording has a transcript",
    ),
    "sound in a table": (
        job(),
        [zipped(recordings()), Upload("t.parquet", packed())],
        "data_unreadable",
        "t.parquet: line 1: 'audio' holds the sound itself",
    ),
    "sound in a table alone": (job(), [Upload("t.parquet", packed())], "data_unreadable", "line 1"),
    "paths in a table of the datasets library": (
        job(),
        [zipped(recordings()), Upload("t.parquet", packed(sounds=False))],
        None,
        "",
    ),
    "of a recording that cannot be read": (
        unread(),
        [zipped(recordings() | {"9.wav": sound(9)[:-80], "t.csv": table(*ALL, "9.wav")})],
        None,
        "",
    ),
    "of a recording that cannot be read, beside the archive": (
        unread(),
        [zipped(recordings() | {"9.wav": sound(9)[:-80]}), Upload("t.csv", table(*ALL, "9.wav"))],
        None,
        "",
    ),
    "of a recording that is too short": (
        unread(minimum_seconds=0.4),
        [zipped(recordings() | {"9.wav": short(), "t.csv": table(*ALL, "9.wav")})],
        None,
        "",
    ),
    "a short recording without": (
        unread(minimum_seconds=0.4),
        [zipped(recordings() | {"9.wav": short(), "t.csv": table(*ALL)})],
        None,
        "",
    ),
    "in folders of splits": (
        job(),
        [
            zipped(
                {f"{'test' if n < 3 else 'train'}/{n}.wav": sound(n) for n in range(8)}
                | {"t.csv": table(*ALL)}
            )
        ],
        None,
        "",
    ),
    "without endings, in folders": (
        job(),
        [zipped({f"wavs/{n}.wav": sound(n) for n in range(8)} | {"t.csv": table(*"01234567")})],
        None,
        "",
    ),
    "two transcripts": (
        job(),
        [zipped(recordings() | {"t.csv": table(*ALL, more="0.wav,ba\n")})],
        "data_unreadable",
        "line 10",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_submission_and_the_engine_agree(session: WriteSession, name: str) -> None:
    document, uploads, code, said = CASES[name]
    reports = inspected(uploads, "audio")
    assert reports is not None
    answer = admitted(session, make_project(session), document, uploads, reports, "audio")
    refused = engine_refuses(document, uploads, "audio")
    if code is None:
        assert answer.valid, answer.errors
        assert refused is None, refused
        return
    [error] = answer.errors
    assert error.code == code
    assert said in error.message
    assert refused is not None
    assert refused.code == code


def test_pretraining_needs_no_transcripts(session: WriteSession) -> None:
    document = job() | {"task": {"kind": "masked_spectrogram", "mel_bins": 16, "patch_size": 4}}
    reports = inspected(APART, "audio")
    assert reports is not None
    assert admitted(session, make_project(session), document, APART, reports, "audio").valid
