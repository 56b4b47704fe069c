"""The datasets of the benchmark: all samples for pretraining, and the first labelled ones of each class for fine-tuning."""

import csv
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable, Hashable
from pathlib import Path


class FirstOfEach:
    """Says of each sample in turn whether it is among the first ``count`` with its key."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._seen: Counter[Hashable] = Counter()

    def __call__(self, key: Hashable) -> bool:
        self._seen[key] += 1
        return self._seen[key] <= self._count


def unlabelled_texts(source: Path, out: Path) -> Path:
    """A directory with the texts of ``source/train.csv``, without their last column, the class."""
    out.mkdir(parents=True)
    _write(out / "train.csv", [row[:-1] for row in _rows(source / "train.csv")])
    return out


def labelled_texts(source: Path, per_class: int, tokenizer: Path, out: Path) -> Path:
    """A directory with the first ``per_class`` rows of each class in ``source/train.csv``, all of ``test.csv``, and a tokenizer."""
    out.mkdir(parents=True)
    head, *rows = _rows(source / "train.csv")
    wanted = FirstOfEach(per_class)
    _write(out / "train.csv", [head, *(row for row in rows if wanted(row[-1]))])
    shutil.copyfile(source / "test.csv", out / "test.csv")
    shutil.copyfile(tokenizer, out / tokenizer.name)
    return out


def labelled_images(source: Path, per_class: int, out: Path) -> Path:
    """A zip with the first ``per_class`` images of each folder ``train/CLASS`` of ``source``, and all others."""
    wanted = FirstOfEach(per_class)
    return _members(source, out, lambda name: name.split("/")[0] != "train" or wanted(name.rsplit("/", 1)[0]))


def labelled_recordings(
    source: Path, per_class: int, out: Path, speaker: Callable[[str], str | None], held_out: frozenset[str]
) -> Path:
    """A zip with the first ``per_class`` recordings of each class and speaker, and all of the speakers ``held_out``."""
    wanted = FirstOfEach(per_class)
    return _members(
        source,
        out,
        lambda name: speaker(name) in held_out or wanted((name.rsplit("/", 1)[0], speaker(name))),
    )


def _members(source: Path, out: Path, wanted: Callable[[str], bool]) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(source) as known, zipfile.ZipFile(out, "w") as kept:
        for name in sorted(known.namelist()):
            if not name.endswith("/") and wanted(name):
                kept.writestr(name, known.read(name))
    return out


def _rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def _write(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
