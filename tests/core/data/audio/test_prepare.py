"""Preparing recordings: what is stored, held out and dropped."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.data import DataError, DataFile, SplitName
from core.data.audio import PreparedAudio, open_prepared, prepare
from core.data.audio.resampling import PEAK
from core.spec.audio import AudioDataSpec
from core.spec.data import DataSpec

Stored = Callable[..., list[DataFile]]
Tone = Callable[..., Any]
Wav = Callable[..., bytes]
SPLITS: tuple[SplitName, SplitName] = ("train", "held_out")


def spec(**audio: Any) -> DataSpec:
    outer = {name: audio.pop(name) for name in ("held_out_fraction", "on_bad_sample") if name in audio}
    return DataSpec.model_validate({"audio": {"sampling_rate": 8000, **audio}, **outer})


def everything(prepared: PreparedAudio) -> set[bytes]:
    return {
        prepared.recording(split, number).tobytes()
        for split in SPLITS
        for number in range(len(prepared.index(split)))
    }


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz", "a.tgz", "loose"])
def test_every_container_gives_the_same_samples_and_classes(
    name: str, stored: Stored, tone: Tone, wav: Wav, tmp_path: Path
) -> None:
    members = {
        f"train/{kind}/{n}.{ending}": wav(tone(100 * i + 10 * n + 50), kind=ending.upper())
        for i, kind in enumerate(("dog", "cat"))
        for n, ending in enumerate(("wav", "flac", "wav"))
    }
    members |= {"test/dog/0.wav": wav(tone(900)), "README.md": b"hello"}
    prepared = prepare(stored(name, members), spec(), tmp_path / "cache")

    assert prepared.classes == ("cat", "dog")
    assert sorted(prepared.labels("train").tolist()) == [0, 0, 0, 1, 1, 1]
    assert prepared.labels("held_out").tolist() == [1]
    expected = tone(900) - tone(900).mean()
    found = prepared.recording("held_out", 0) / 32767
    assert found == pytest.approx(expected * PEAK / np.abs(expected).max(), abs=2e-4)
    assert prepared.hours * 3600 == pytest.approx(1.2)
    assert prepared.facts["hours_held_out"] * 3600 == pytest.approx(0.2)


def test_levels_are_kept_if_the_spec_says_so(stored: Stored, tone: Tone, wav: Wav, tmp_path: Path) -> None:
    files = stored("a.zip", {f"{n}.wav": wav(0.1 * tone(100 + n), subtype="PCM_24") for n in range(3)})
    prepared = prepare(files, spec(normalization="none"), tmp_path / "cache")
    found = sorted(tuple(np.frombuffer(one, np.int16).tolist()) for one in everything(prepared))
    expected = sorted(tuple(0.1 * tone(100 + n) * 32767) for n in range(3))
    for one, other in zip(found, expected, strict=True):
        assert one == pytest.approx(other, abs=0.51)


def test_stereo_is_mixed_down_and_other_rates_are_resampled(
    stored: Stored, tone: Tone, wav: Wav, tmp_path: Path
) -> None:
    left, right = tone(300, 0.5, 44100), np.zeros(22050)
    members = {"a.wav": wav(np.stack([left, right], axis=1), 44100), "b.wav": wav(tone(300, 0.5))}
    prepared = prepare(stored("a.zip", members), spec(), tmp_path / "cache")
    lengths = {len(one) // 2 for one in everything(prepared)}
    assert lengths == {4000}
    assert prepared.statistics["channels"] == {"1": 1, "2": 1}
    assert prepared.statistics["sampling_rates"] == {"8000": 1, "44100": 1}
    first, second = (np.frombuffer(one, np.int16)[200:-200] for one in everything(prepared))
    assert first.astype(float) == pytest.approx(second.astype(float), abs=40)


def test_whole_groups_are_held_out(stored: Stored, tone: Tone, wav: Wav, tmp_path: Path) -> None:
    names = ("anna", "bert", "carl", "dora")
    members = {
        f"{digit}/{digit}_{name}_{n}.wav": wav(tone(200 + 7 * digit + 31 * n + 3 * who))
        for digit in range(2)
        for who, name in enumerate(names)
        for n in range(2)
    }
    prepared = prepare(stored("a.zip", members), spec(group_pattern="_(?P<group>[a-z]+)_"), tmp_path / "c")
    assert prepared.groups == names
    held_out, train = set(prepared.group_ids("held_out").tolist()), set(prepared.group_ids("train").tolist())
    assert len(held_out) == 1
    assert not held_out & train
    assert (prepared.recordings, prepared.recordings_held_out) == (12, 4)
    assert set(prepared.labels("held_out").tolist()) == {0, 1}


def test_files_without_a_group_train(stored: Stored, tone: Tone, wav: Wav, tmp_path: Path) -> None:
    members = {"x_anna_1.wav": wav(tone(200)), "x.wav": wav(tone(300))}
    prepared = prepare(stored("a.zip", members), spec(group_pattern="_(?P<group>[a-z]+)_"), tmp_path / "c")
    assert prepared.group_ids("train").tolist() == [-1]
    assert prepared.group_ids("held_out").tolist() == [0]


def test_a_recording_is_held_out_by_its_content_alone(
    stored: Stored, tone: Tone, wav: Wav, tmp_path: Path
) -> None:
    contents = [wav(tone(100 + 5 * n)) for n in range(60)]
    small = prepare(
        stored("a.zip", {f"{n}.wav": one for n, one in enumerate(contents[:40])}), spec(), tmp_path / "c"
    )
    large = prepare(
        stored("b.zip", {f"x{n}.wav": one for n, one in enumerate(contents)}),
        spec(held_out_fraction=0.05),
        tmp_path / "c",
    )
    before = {small.recording("held_out", n).tobytes() for n in range(small.recordings_held_out)}
    after = {large.recording("held_out", n).tobytes() for n in range(large.recordings_held_out)}
    assert before <= after
    assert large.recordings + large.recordings_held_out == 60


def test_repeats_are_dropped_and_a_single_class_is_none(
    stored: Stored, tone: Tone, wav: Wav, tmp_path: Path
) -> None:
    members = {f"dog/{n}.wav": wav(tone(100 + n % 4)) for n in range(6)}
    prepared = prepare(stored("a.zip", members), spec(), tmp_path / "c")
    assert (prepared.duplicates, prepared.recordings + prepared.recordings_held_out) == (2, 4)
    assert prepared.classes == ()
    assert set(prepared.labels("train").tolist()) == {-1}


BAD = {
    "truncated.wav": lambda wav, tone: wav(tone(440))[:-100],
    "header.wav": lambda wav, tone: (
        wav(tone(440))[:40] + (1 << 30).to_bytes(4, "little") + wav(tone(440))[44:]
    ),
    "empty.wav": lambda wav, tone: b"",
    "nothing.wav": lambda wav, tone: wav(np.zeros(0)),
    "nan.wav": lambda wav, tone: wav(np.r_[tone(440), np.nan], subtype="FLOAT"),
    "inf.wav": lambda wav, tone: wav(np.r_[np.inf, tone(440)], subtype="FLOAT"),
    "text.wav": lambda wav, tone: b"this is no sound at all",
    "cut.flac": lambda wav, tone: wav(tone(440, 2.0), kind="FLAC")[:-3000],
    "cut.ogg": lambda wav, tone: wav(tone(440, 2.0), kind="OGG")[:-30],
    "short.wav": lambda wav, tone: wav(tone(440, 0.001)),
}


@pytest.mark.parametrize("archive", ["a.zip", "a.tar"])
@pytest.mark.parametrize("name", BAD)
def test_a_bad_recording_is_refused_by_name_or_skipped(
    name: str, archive: str, stored: Stored, tone: Tone, wav: Wav, tmp_path: Path
) -> None:
    members = {f"{n}.wav": wav(tone(100 + n)) for n in range(4)} | {name: BAD[name](wav, tone)}
    files = stored(archive, members)
    with pytest.raises(DataError) as refused:
        prepare(files, spec(), tmp_path / "c")
    assert refused.value.code == "too_many_bad_samples"
    assert f"{archive} ({name})" in refused.value.message

    prepared = prepare(files, spec(on_bad_sample="skip"), tmp_path / "c")
    assert prepared.cached, "what is prepared depends on the choice"
    assert prepared.bad == prepared.facts["bad"] == 1
    assert prepared.skipped[0].sample == f"{archive} ({name})"
    assert prepared.recordings + prepared.recordings_held_out == 4


def test_classes_of_one_recording_each(stored: Stored, tone: Tone, wav: Wav, tmp_path: Path) -> None:
    members = {f"{name}/0.wav": wav(tone(100 + 9 * number)) for number, name in enumerate("abcdefgh")}
    prepared = prepare(stored("a.zip", members), spec(held_out_fraction=0.4), tmp_path / "c")
    assert prepared.classes == tuple("abcdefgh")
    both = np.concatenate([prepared.labels("train"), prepared.labels("held_out")])
    assert sorted(both.tolist()) == list(range(8))
    assert prepared.recordings_held_out >= 1


def test_one_bad_recording_in_a_hundred_is_accepted(
    stored: Stored, tone: Tone, wav: Wav, tmp_path: Path
) -> None:
    members = {f"{n}.wav": wav(tone(50 + n, 0.06)) for n in range(99)} | {"bad.wav": b"RIFF"}
    prepared = prepare(stored("a.zip", members), spec(), tmp_path / "c")
    assert prepared.facts["bad"] == 1


def test_too_few_recordings_are_refused(stored: Stored, tone: Tone, wav: Wav, tmp_path: Path) -> None:
    for members in (
        {"a.wav": wav(tone(440))},
        {"_anna_1.wav": wav(tone(440)), "_anna_2.wav": wav(tone(441))},
    ):
        with pytest.raises(DataError) as error:
            prepare(stored("a.zip", members), spec(group_pattern="_(?P<group>[a-z]+)_"), tmp_path / "c")
        assert error.value.code == "data_too_small"


def test_hours_of_silence_in_a_small_file_are_refused(
    stored: Stored, wav: Wav, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.formats.limits import Limits  # noqa: PLC0415 - only to lower the limits

    monkeypatch.setattr(
        "core.data.audio.preparation.AUDIO_LIMITS", Limits(ratio=20.0, ratio_from_bytes=100_000)
    )
    members = {f"{n}.flac": wav(np.zeros(200_000 + n), kind="FLAC") for n in range(3)}
    with pytest.raises(DataError, match=r"times as much"):
        prepare(stored("a.zip", members), spec(), tmp_path / "c")


def test_the_key_depends_on_what_changes_the_samples(
    stored: Stored, tone: Tone, wav: Wav, tmp_path: Path
) -> None:
    files = stored("a.zip", {f"{n}.wav": wav(tone(100 + n)) for n in range(3)})
    keys = {
        prepare(files, spec(**changed), tmp_path / "c").key
        for changed in ({}, {"sampling_rate": 4000}, {"normalization": "none"}, {"held_out_fraction": 0.3})
    }
    assert len(keys) == 4
    assert prepare(files, spec(clip_seconds=1.0), tmp_path / "c").cached


def test_a_damaged_directory_is_made_again(stored: Stored, tone: Tone, wav: Wav, tmp_path: Path) -> None:
    files = stored("a.zip", {f"{n}.wav": wav(tone(100 + n)) for n in range(3)})
    first = prepare(files, spec(), tmp_path / "c")
    with (first.directory / "recordings.pcm").open("ab") as file:
        file.write(b"x")
    assert open_prepared(first.directory) is None
    again = prepare(files, spec(), tmp_path / "c")
    assert not again.cached
    assert again.facts == first.facts


def test_a_pattern_must_name_its_group() -> None:
    for pattern in ("_([a-z]+)_", "(?P<group>"):
        with pytest.raises(ValueError, match="group_pattern"):
            AudioDataSpec(group_pattern=pattern)
