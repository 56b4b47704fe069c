"""Transcripts beside recordings: layouts, matching, splits, and what is missing."""

import gzip
import io
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from core.data import DataError, DataFile
from core.data.audio import PreparedAudio, cache_key, open_prepared, prepare
from core.formats.audio.transcripts import read_transcripts
from core.spec.audio import TRANSCRIPT_ENDINGS, AudioDataSpec
from core.spec.data import DataSpec
from core.spec.prepared import has_transcripts

Stored = Callable[..., list[DataFile]]


def spec(*, transcripts: bool = True, **audio: Any) -> DataSpec:
    outer = {name: audio.pop(name) for name in ("on_missing_label",) if name in audio}
    return DataSpec.model_validate(
        {
            "audio": {"sampling_rate": 8000, "transcripts": transcripts, **audio},
            "held_out_fraction": 0.3,
            **outer,
        }
    )


@pytest.fixture
def sounds(tone: Callable[..., Any], wav: Callable[..., bytes]) -> Callable[..., dict[str, bytes]]:
    """``sounds("a.wav", "b.wav")``: different recordings by path."""

    def make(*paths: str) -> dict[str, bytes]:
        return {path: wav(tone(200 + 40 * number)) for number, path in enumerate(paths)}

    return make


def table(rows: Mapping[str, str], kind: str, file: str = "path", text: str = "sentence") -> bytes:
    if kind == "jsonl":
        return "".join(json.dumps({file: f, text: t, "n": 1}) + "\n" for f, t in rows.items()).encode()
    if kind == "parquet":
        out = io.BytesIO()
        pq.write_table(
            pa.table({file: list(rows), text: list(rows.values()), "other": ["x"] * len(rows)}), out
        )
        return out.getvalue()
    comma = {"csv": ",", "tsv": "\t"}[kind]
    lines = [comma.join(["speaker", file, text]), *(comma.join(["s", f, t]) for f, t in rows.items())]
    return ("\n".join(lines) + "\n").encode()


def found(prepared: PreparedAudio) -> list[str]:
    return sorted(
        text for split in ("train", "held_out") for text in prepared.transcripts(split) if text is not None
    )


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "loose"])
@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "parquet"])
def test_a_table_gives_the_transcripts_in_every_container(
    name: str, kind: str, stored: Stored, sounds: Any, tmp_path: Path
) -> None:
    members = sounds("clips/1.wav", "clips/2.wav", "clips/3.wav")
    rows = {"clips/1.wav": "one", "clips/2.wav": "two", "clips/3.wav": "3"}
    files = stored(name, members | {f"metadata.{kind}": table(rows, kind)})
    prepared = prepare(files, spec(), tmp_path / "cache")
    assert found(prepared) == ["3", "one", "two"]
    assert prepared.transcript_facts is not None
    facts = prepared.facts
    assert (facts["with_transcript"], facts["without_transcript"], facts["characters"]) == (3, 0, 7)
    again = open_prepared(prepared.directory)
    assert again is not None
    assert (again.transcript_facts, found(again)) == (prepared.transcript_facts, found(prepared))


@pytest.mark.parametrize(
    "named",
    [
        "1.wav",
        "clips/1.wav",
        "./clips/1.wav",
        "1",
        "clips\\1.wav",
        "1.mp3",
        "/corpora/clips/1.wav",
        "a.zip/clips/1.wav",
    ],
)
def test_a_recording_is_found_by_what_a_table_may_call_it(
    named: str, stored: Stored, sounds: Any, tmp_path: Path
) -> None:
    members = sounds("clips/1.wav", "clips/2.wav") | {
        "t.csv": table({named: "one", "clips/2.wav": "two"}, "csv")
    }
    assert found(prepare(stored("a.zip", members), spec(), tmp_path / "cache")) == ["one", "two"]


@pytest.mark.parametrize("file", ["file", "path", "file_name", "audio", "audio_filepath"])
@pytest.mark.parametrize("text", ["text", "sentence", "transcript", "transcription"])
def test_columns_are_found_by_their_names(
    file: str, text: str, stored: Stored, sounds: Any, tmp_path: Path
) -> None:
    rows = {"1.wav": "one", "2.wav": "two"}
    files = stored("a.zip", sounds("1.wav", "2.wav") | {"t.jsonl": table(rows, "jsonl", file, text)})
    assert found(prepare(files, spec(), tmp_path / "cache")) == ["one", "two"]


def test_columns_with_other_names_are_set_by_the_spec(stored: Stored, sounds: Any, tmp_path: Path) -> None:
    rows = {"1.wav": "one", "2.wav": "two"}
    files = stored("a.zip", sounds("1.wav", "2.wav") | {"t.csv": table(rows, "csv", "sound", "said")})
    with pytest.raises(
        DataError, match=r"a\.zip \(t\.csv\) with the columns speaker, sound, said"
    ) as refused:
        prepare(files, spec(), tmp_path / "cache")
    assert refused.value.code == "transcripts_missing"
    prepared = prepare(files, spec(file_column="sound", transcript_column="said"), tmp_path / "cache")
    assert found(prepared) == ["one", "two"]


def test_librispeechs_layout(stored: Stored, sounds: Any, tmp_path: Path) -> None:
    members = sounds("dev/84/121/84-121-0000.wav", "dev/84/121/84-121-0001.wav", "dev/84/122/84-122-0000.wav")
    members["dev/84/121/84-121.trans.txt"] = b"84-121-0000 GO  ON\n84-121-0001 STOP\n"
    members["dev/84/122/84-122.trans.txt"] = b"84-122-0000 YES\n"
    members |= {
        f"train/{path}": content for path, content in sounds(*(f"x{n}.wav" for n in range(5, 12))).items()
    }
    members = {path: content + bytes([0] * (path.startswith("dev"))) for path, content in members.items()}
    members["dev/84/122/84-122.trans.txt"] = b"84-122-0000 YES\n"
    members["dev/84/121/84-121.trans.txt"] = b"84-121-0000 GO  ON\n84-121-0001 STOP\n"
    prepared = prepare(stored("a.zip", members), spec(on_missing_label="skip"), tmp_path / "cache")
    assert found(prepared) == ["GO  ON", "STOP", "YES"]
    assert sorted(filter(None, prepared.transcripts("held_out"))) == ["GO  ON", "STOP", "YES"]


def test_common_voices_layout(stored: Stored, sounds: Any, tmp_path: Path) -> None:
    names = [f"{n}.wav" for n in range(6)]
    rows = {name: f"word {n}" for n, name in enumerate(names)}
    members = sounds(*(f"cv/en/clips/{name}" for name in names))
    members["cv/en/validated.tsv"] = table(rows, "tsv")
    members["cv/en/train.tsv"] = table({name: rows[name] for name in names[:4]}, "tsv")
    members["cv/en/test.tsv"] = table({name: rows[name] for name in names[4:]}, "tsv")
    members["cv/en/clip_durations.tsv"] = b"clip\tduration\n0.wav\t200\n"
    prepared = prepare(stored("a.tar.gz", members), spec(), tmp_path / "cache")
    assert sorted(prepared.transcripts("train")) == [f"word {n}" for n in range(4)]
    assert sorted(prepared.transcripts("held_out")) == ["word 4", "word 5"]
    assert prepared.facts["transcripts_repeated"] == 6


def test_a_column_is_the_split(stored: Stored, sounds: Any, tmp_path: Path) -> None:
    lines = "file,text,part\n" + "".join(f"{n}.wav,w{n},{'dev' if n > 3 else 'train'}\n" for n in range(6))
    files = stored("a.zip", sounds(*(f"{n}.wav" for n in range(6))) | {"t.csv": lines.encode()})
    prepared = prepare(files, spec(split_column="part"), tmp_path / "cache")
    assert sorted(prepared.transcripts("held_out")) == ["w4", "w5"]
    bad = stored("b.zip", sounds("1.wav", "2.wav") | {"t.csv": b"file,text,part\n1.wav,a,train\n2.wav,b,x\n"})
    with pytest.raises(DataError, match="line 3: 'part' is 'x', which names no split"):
        prepare(bad, spec(split_column="part"), tmp_path / "cache")


def test_a_transcript_without_its_recording_names_file_and_line(
    stored: Stored, sounds: Any, tmp_path: Path
) -> None:
    rows = {"1.wav": "one", "9.wav": "nine", "2.wav": "two", "8.wav": "eight"}
    files = stored("a.zip", sounds("1.wav", "2.wav") | {"t.csv": table(rows, "csv")})
    with pytest.raises(
        DataError, match=r"2 of 4 transcripts .*a\.zip \(t\.csv\), line 3: '9\.wav'"
    ) as refused:
        prepare(files, spec(), tmp_path / "cache")
    assert refused.value.code == "transcript_without_recording"
    assert "on_missing_label" in refused.value.hint
    prepared = prepare(files, spec(on_missing_label="skip"), tmp_path / "cache")
    assert found(prepared) == ["one", "two"]
    assert prepared.facts["transcripts_without_recording"] == 2


def test_the_transcript_of_a_bad_recording_is_none_without_recording(
    stored: Stored, sounds: Any, tmp_path: Path
) -> None:
    rows = {"1.wav": "one", "2.wav": "two", "bad.wav": "x"}
    members = sounds("1.wav", "2.wav") | {"bad.wav": b"x", "t.csv": table(rows, "csv")}
    data = spec().model_copy(update={"on_bad_sample": "skip"})
    assert (
        prepare(stored("a.zip", members), data, tmp_path / "cache").facts["transcripts_without_recording"]
        == 0
    )


@pytest.mark.parametrize(
    ("members", "rows", "message"),
    [
        (("a/1.wav", "b/1.wav"), {"1.wav": "x"}, r"line 2: '1\.wav' is the name of several recordings"),
        (
            ("1.wav", "2.wav"),
            {"1.wav": "x", "./1.wav": "y"},
            r"line 3: '\./1\.wav' has another transcript in .*line 2",
        ),
    ],
)
def test_tables_that_contradict_are_refused_with_the_line(
    members: tuple[str, ...], rows: dict[str, str], message: str, stored: Stored, sounds: Any, tmp_path: Path
) -> None:
    files = stored("a.zip", sounds(*members) | {"t.csv": table(rows, "csv")})
    with pytest.raises(DataError, match=message) as refused:
        prepare(files, spec(), tmp_path / "cache")
    assert refused.value.details["problem"]["code"] == "bad_transcript"


def test_equal_names_in_several_folders_are_told_apart_by_path(
    stored: Stored, sounds: Any, tmp_path: Path
) -> None:
    members = sounds("a/1.wav", "b/1.wav") | {
        "a/t.csv": table({"1.wav": "in a"}, "csv"),
        "b/t.csv": table({"1.wav": "in b"}, "csv"),
    }
    assert found(prepare(stored("a.zip", members), spec(), tmp_path / "cache")) == ["in a", "in b"]


def test_a_damaged_table_is_refused_with_its_line(stored: Stored, sounds: Any, tmp_path: Path) -> None:
    files = stored("a.zip", sounds("1.wav", "2.wav") | {"t.jsonl": b'{"file": "1.wav", "text": "x"}\n{'})
    with pytest.raises(DataError, match=r"a\.zip \(t\.jsonl\): line 2 is not JSON"):
        prepare(files, spec(), tmp_path / "cache")


def test_pretraining_does_not_depend_on_transcripts(stored: Stored, sounds: Any, tmp_path: Path) -> None:
    members = sounds("1.wav", "2.wav", "3.wav")
    plain = prepare(stored("loose", members), spec(transcripts=False), tmp_path / "cache")
    before = {path.name: path.read_bytes() for path in plain.directory.iterdir()}
    files = stored(
        "loose", members | {"t.csv.gz": gzip.compress(b"file,text\n1.wav,one\n"), "u.csv": b"broken"}
    )
    assert len(files) == 5
    assert cache_key(files, spec(transcripts=False)) == plain.key
    assert cache_key(files, spec()) != plain.key
    other = prepare(files, spec(transcripts=False, file_column="x"), tmp_path / "other")
    assert {path.name: path.read_bytes() for path in other.directory.iterdir()} == before


@pytest.mark.parametrize("ending", TRANSCRIPT_ENDINGS)
def test_the_files_of_transcripts_are_known_by_the_same_names(ending: str) -> None:
    content = io.BytesIO(b"")
    assert has_transcripts(f"A{ending.upper()}.gz")
    with pytest.raises(Exception, match="is empty"):
        list(read_transcripts(content, f"a{ending}", AudioDataSpec()))
    assert not has_transcripts("a.wav")
