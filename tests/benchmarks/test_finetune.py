"""The benchmark of fine-tuning: its specs are accepted, both arms differ only in their start, and its datasets have few labels."""

import csv
import zipfile
from collections import Counter
from pathlib import Path
from typing import get_args

import pytest

from benchmarks.finetune import subsets
from benchmarks.finetune.__main__ import ADAPTATIONS
from benchmarks.finetune.modalities import MODALITIES, Name
from core.spec.problems import validate


@pytest.mark.parametrize("name", get_args(Name))
def test_its_specs_are_accepted_and_the_arms_differ_only_in_their_start(name: Name) -> None:
    modality = MODALITIES[name]
    pretraining = validate(modality.pretrained())
    assert not pretraining.task.needs_labels
    for adaptation in ADAPTATIONS:
        pretrained, random = (
            modality.tuned(adaptation, 3, modality.data, start=start) for start in (True, False)
        )
        assert pretrained.pop("start") == {"scope": "encoder"}
        assert pretrained == random
        job = validate(random)
        assert job.adaptation.method == adaptation
        assert job.training.seed == 3
        assert job.task.modality == name == pretraining.task.modality


def test_the_text_for_pretraining_has_no_labels(tmp_path: Path) -> None:
    out = subsets.unlabelled_texts(_texts(tmp_path), tmp_path / "out")
    assert [path.name for path in out.iterdir()] == ["train.csv"]
    assert _rows(out / "train.csv")[:2] == [["text"], ["a, 0\nsecond line"]]


def test_labelled_texts_are_the_first_of_each_class_and_the_whole_test_split(tmp_path: Path) -> None:
    source, tokenizer = _texts(tmp_path), tmp_path / "tokenizer.json"
    tokenizer.write_text("{}")
    out = subsets.labelled_texts(source, 2, tokenizer, tmp_path / "out")
    rows = _rows(out / "train.csv")
    assert rows[0] == ["text", "category"]
    assert Counter(row[1] for row in rows[1:]) == {"a": 2, "b": 2}
    assert (out / "test.csv").read_bytes() == (source / "test.csv").read_bytes()
    assert (out / "tokenizer.json").read_text() == "{}"


def test_labelled_images_are_the_first_of_each_class_and_the_whole_test_split(tmp_path: Path) -> None:
    names = [f"{part}/{kind}/{n}.jpg" for part in ("train", "test") for kind in "ab" for n in range(5)]
    out = subsets.labelled_images(_zip(tmp_path / "all.zip", names), 2, tmp_path / "few.zip")
    assert Counter(name.rsplit("/", 1)[0] for name in zipfile.ZipFile(out).namelist()) == {
        "train/a": 2,
        "train/b": 2,
        "test/a": 5,
        "test/b": 5,
    }


def test_labelled_recordings_are_the_first_of_each_class_and_speaker_and_all_of_held_out_speakers(
    tmp_path: Path,
) -> None:
    names = [f"{digit}/{digit}_{who}_{n}.wav" for digit in (0, 1) for who in ("ann", "bo") for n in range(5)]
    source = _zip(tmp_path / "all.zip", names)
    out = subsets.labelled_recordings(
        source, 2, tmp_path / "few.zip", lambda name: name.split("_")[1], frozenset({"bo"})
    )
    assert Counter(name.rsplit("_", 1)[0] for name in zipfile.ZipFile(out).namelist()) == {
        "0/0_ann": 2,
        "1/1_ann": 2,
        "0/0_bo": 5,
        "1/1_bo": 5,
    }


def _texts(directory: Path) -> Path:
    source = directory / "texts"
    source.mkdir()
    rows = [[f"{kind}, {n}\nsecond line", kind] for n in range(5) for kind in "ab"]
    for name in ("train.csv", "test.csv"):
        with (source / name).open("w", newline="") as file:
            csv.writer(file).writerows([["text", "category"], *rows])
    return source


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def _zip(path: Path, names: list[str]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return path
