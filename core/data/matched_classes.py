"""The classes of a dataset as a checkpoint knows them: matched by name, since their order and number differ."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.data import Prepared, SplitName
from core.data.audio import PreparedAudio
from core.data.audio.prepared import LABEL
from core.data.image import PreparedImages
from core.data.prepared import SPLITS
from core.data.text import PreparedText
from core.errors import EngineError

_NAMED = 5
_OUTSIDE = "O"


@dataclass(frozen=True, slots=True)
class Matched:
    """A dataset whose labels are the numbers that a checkpoint has for its classes."""

    data: Prepared
    unknown: tuple[str, ...] = ()
    """Classes of the dataset that the checkpoint does not know; samples have no label of them."""
    samples: int = 0
    """Samples of both splits that have such a label, of tags words."""
    missing: tuple[str, ...] = ()
    """Classes that the checkpoint knows and the dataset does not have."""

    @property
    def remarks(self) -> str:
        """What people should know of it, as sentences after a blank; empty if all classes are the same."""
        found = ""
        if self.unknown:
            what = "words" if _is_tagged(self.data) else "samples"
            done = "count as outside of entities" if _is_tagged(self.data) else "are not counted"
            found += (
                f" The checkpoint does not know {len(self.unknown):,} of the dataset's classes ({_some(self.unknown)}): "
                f"{self.samples:,} {what} of them {done}."
            )
        if self.missing:
            found += f" The dataset has none of {len(self.missing):,} of the checkpoint's classes ({_some(self.missing)})."
        return found


def matched(data: Prepared, classes: Sequence[str], scratch: Path) -> Matched:
    """The data with labels that are indices into ``classes``, by the classes' names.

    Args:
        classes: Names of the checkpoint's classes, in the order of its outputs; empty if it predicts none.
        scratch: An empty directory for the changed files.

    Raises:
        EngineError: ``checkpoint_mismatch``, where the dataset has none of them.
    """
    own: tuple[str, ...] = getattr(data, "classes", ())
    if not classes or own == tuple(classes):
        return Matched(data)
    numbers = {name: number for number, name in enumerate(classes)}
    table = np.array([*(numbers.get(name, -1) for name in own), -1], np.int64)
    unknown = tuple(name for name in own if name not in numbers)
    if own and not _shared(own, numbers):
        raise EngineError(
            "checkpoint_mismatch",
            f"The checkpoint knows none of the dataset's classes ({_some(own)}); it tells apart {_some(classes)}.",
            "Evaluate it on data with these classes, or rename the classes of the dataset.",
            case="classes",
            classes=list(own[:_NAMED]),
            known=list(classes[:_NAMED]),
        )
    _link(data, scratch)
    samples = _WRITERS[type(data)](data, table, len(classes), scratch)
    missing = tuple(name for name in classes if name not in set(own))
    if isinstance(data, PreparedText):
        assert data.label_facts is not None
        facts = replace(data.label_facts, classes=tuple(classes))
        return Matched(replace(data, directory=scratch, label_facts=facts), unknown, samples, missing)
    assert isinstance(data, PreparedImages | PreparedAudio)
    return Matched(replace(data, directory=scratch, classes=tuple(classes)), unknown, samples, missing)


def _shared(own: Sequence[str], known: Sequence[str] | dict[str, int]) -> bool:
    # O is a tag of every dataset, and says nothing.
    return any(name in known for name in own if name != _OUTSIDE)


def _is_tagged(data: Prepared) -> bool:
    return isinstance(data, PreparedText) and data.label_facts is not None and data.label_facts.kind == "tags"


def _some(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:_NAMED])) + (" …" if len(names) > _NAMED else "")


def _link(data: Prepared, directory: Path) -> None:
    """Have all files of prepared data in another directory too."""
    source: Path = data.directory  # type: ignore[attr-defined]
    for path in source.iterdir():
        (directory / path.name).symlink_to(path.resolve())


def _write(directory: Path, name: str, values: NDArray[np.generic]) -> None:
    path = directory / name
    path.unlink()
    values.tofile(path)


def _images(data: Prepared, table: NDArray[np.int64], _: int, directory: Path) -> int:
    assert isinstance(data, PreparedImages)
    lost = 0
    for split in SPLITS:
        labels = data.labels(split)
        _write(directory, f"{split}.labels", table[labels])
        lost += _lost(labels, table)
    return lost


def _audio(data: Prepared, table: NDArray[np.int64], _: int, directory: Path) -> int:
    assert isinstance(data, PreparedAudio)
    lost = 0
    for split in SPLITS:
        index = np.array(data.index(split))
        lost += _lost(index[:, LABEL], table)
        index[:, LABEL] = table[index[:, LABEL]]
        _write(directory, f"{split}.index", index)
    return lost


def _text(data: Prepared, table: NDArray[np.int64], classes: int, directory: Path) -> int:
    assert isinstance(data, PreparedText)
    assert data.label_facts is not None
    writer = {"one": _one, "several": _several, "tags": _tags}[data.label_facts.kind]
    return sum(writer(data, split, table, classes, directory) for split in SPLITS)


def _one(data: PreparedText, split: SplitName, table: NDArray[np.int64], _: int, directory: Path) -> int:
    labels = data.labels(split)
    _write(directory, f"{split}.labels", table[labels])
    return _lost(labels, table)


def _several(
    data: PreparedText, split: SplitName, table: NDArray[np.int64], classes: int, directory: Path
) -> int:
    """A text keeps the classes that are known; one that had only others has no label."""
    sets, labelled = data.label_sets(split), data.labels(split) >= 0
    known = np.flatnonzero(table[:-1] >= 0)
    found = np.zeros((len(sets), classes), np.int8)
    found[:, table[known]] = sets[:, known]
    only_others = sets.any(axis=1) & ~found.any(axis=1)
    found[~labelled | only_others] = -1
    _write(directory, f"{split}.label_sets", found)
    return int(np.count_nonzero(sets[:, table[:-1] < 0].any(axis=1)))


def _tags(data: PreparedText, split: SplitName, table: NDArray[np.int64], _: int, directory: Path) -> int:
    """Words with an unknown tag are outside of entities."""
    tags = data.tags(split).tags
    outside = np.where(tags < 0, -1, table[data.classes.index(_OUTSIDE)])
    found = table[tags]
    _write(directory, f"{split}.word_tags", np.where(found < 0, outside, found).astype(np.int16))
    return _lost(tags, table)


def _lost(labels: NDArray[np.int64], table: NDArray[np.int64]) -> int:
    """Labels that the checkpoint does not know."""
    return int(np.count_nonzero((labels >= 0) & (table[labels] < 0)))


_WRITERS = {PreparedText: _text, PreparedImages: _images, PreparedAudio: _audio}
