"""Gathers the labels of all texts on the first reading, and decides which texts are kept and which are held out."""

from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.data.errors import DataError
from core.data.labelled import unseen_classes
from core.data.text.split import DUPLICATE, HELD_OUT, TRAIN, Split, SplitSize
from core.formats.content import content_hash
from core.formats.errors import Place, where
from core.formats.splits import stratified
from core.formats.text.label_values import Label
from core.formats.text.labelled import LabelledText
from core.formats.text.tag_schemes import OUTSIDE, TagCensus, parts
from core.spec.text_data import TextLabels

NAMED = 20
"""Places that are recorded of each kind of problem, at most."""
_NONE = -1


@dataclass
class Gathered:
    """The facts about the texts read so far; about 60 bytes of memory for each, and each distinct label once."""

    kind: TextLabels
    labels: list[Label] = field(default_factory=list)
    """The distinct labels, in the order in which they were read."""

    def __post_init__(self) -> None:
        self.census = TagCensus()
        self._numbers: dict[Label, int] = {}
        self._codes, self._hashes = array("q"), array("Q")
        self._characters, self._sizes = array("Q"), array("Q")
        self._own = bytearray()
        self._places: list[Place] = []
        self._place, self._lines = array("Q"), array("q")

    def __len__(self) -> int:
        return len(self._codes)

    def add(self, sample: LabelledText) -> None:
        """Record the next text."""
        content = sample.text.encode()
        self._hashes.append(content_hash(content))
        self._characters.append(len(sample.text))
        self._sizes.append(len(content))
        self._own.append(sample.held_out)
        self._codes.append(self._code(sample.label))
        if self.kind == "tags" and sample.label is not None:
            assert isinstance(sample.label, tuple)
            assert sample.line is not None
            self.census.add(sample.label, sample.place, sample.line)
        if not self._places or self._places[-1] != sample.place:
            self._places.append(sample.place)
        self._place.append(len(self._places) - 1)
        self._lines.append(_NONE if sample.line is None else sample.line)

    def _code(self, label: Label | None) -> int:
        if label is None:
            return _NONE
        if label not in self._numbers:
            self._numbers[label] = len(self.labels)
            self.labels.append(label)
        return self._numbers[label]

    @property
    def codes(self) -> NDArray[np.int64]:
        """The index into `labels` for each text, -1 where it has no label."""
        return np.array(self._codes, np.int64)

    @property
    def own_split(self) -> bool:
        """Whether the data itself holds some out."""
        return any(self._own)

    def where(self, number: int) -> str:
        """File, member and line of a text, for people."""
        line = self._lines[number]
        return where(self._places[self._place[number]], None if line == _NONE else line)

    def places(self, numbers: NDArray[np.int64]) -> tuple[str, ...]:
        """`where` of the first texts."""
        return tuple(self.where(int(number)) for number in numbers[:NAMED])

    def decide(self, fraction: float) -> tuple[Split, NDArray[np.int64]]:
        """Which texts are kept and held out, and the numbers of those that repeat an earlier text with another label.

        A text is kept once: one that the data holds out before one for training, one with a label before one without, else the
        first. If the data itself holds texts out, those are held out; otherwise they are `stratified`, by class, by the rarest
        of several classes, or by the rarest tag.

        Raises:
            DataError: ``data_too_small``.
        """
        count, codes = len(self), self.codes
        hashes, own = np.array(self._hashes, np.uint64), np.array(self._own, bool)
        order = np.lexsort((np.arange(count), codes < 0, ~own, hashes))
        begins = np.ones(count, bool)
        begins[1:] = hashes[order][1:] != hashes[order][:-1]
        first = order[begins]
        kept_for = np.empty(count, np.int64)
        kept_for[order] = first[np.cumsum(begins) - 1]
        conflicts = np.flatnonzero((codes >= 0) & (codes[kept_for] >= 0) & (codes != codes[kept_for]))
        kept = np.sort(first)
        if len(kept) < 2:
            raise _too_small(
                "texts",
                f"The data holds {len(kept)} different text{'' if len(kept) == 1 else 's'}",
                len(kept),
            )
        if own.any():
            held_out = own[kept]
            if held_out.all():
                raise _too_small(
                    "all_held_out",
                    "All texts are held out by the names of files or folders, or by the column of splits",
                    len(kept),
                )
        else:
            held_out = np.array(stratified(hashes[kept].tolist(), self._strata(codes[kept]), fraction))
            self._keep_seen(codes[kept], held_out)
            if not held_out.any():
                raise _too_small("single_texts", "No class has two texts", len(kept))
        decisions = np.full(count, DUPLICATE, np.uint8)
        decisions[kept] = np.where(held_out, HELD_OUT, TRAIN)
        sizes = {which: self._size(decisions == which) for which in (TRAIN, HELD_OUT)}
        return Split(decisions, sizes[TRAIN], sizes[HELD_OUT]), conflicts

    def _keep_seen(self, codes: NDArray[np.int64], held_out: NDArray[np.bool_]) -> None:
        """Move held-out texts to the training split, until that has all classes: strata are of one of a text's classes."""
        if self.kind == "number":
            return
        seen = {
            part
            for code in set(codes[~held_out].tolist()) - {_NONE}
            for part in classes_in(self.labels[code], self.kind)
        }
        for number in np.flatnonzero(held_out & (codes >= 0)).tolist():
            own = set(classes_in(self.labels[codes[number]], self.kind))
            if not own <= seen:
                held_out[number] = False
                seen |= own

    def _size(self, chosen: NDArray[np.bool_]) -> SplitSize:
        characters, sizes = np.array(self._characters, np.int64), np.array(self._sizes, np.int64)
        return SplitSize(int(chosen.sum()), int(characters[chosen].sum()), int(sizes[chosen].sum()))

    def _strata(self, codes: NDArray[np.int64]) -> list[int]:
        if self.kind == "number":
            return [0] * len(codes)
        if self.kind == "one":
            found: list[int] = codes.tolist()
            return found
        texts = Counter(codes.tolist())
        sets = {code: classes_in(self.labels[code], self.kind) for code in texts if code >= 0}
        frequency = Counter(
            part for code, found in sets.items() for part in found for _ in range(texts[code])
        )
        rarest = {
            code: min(found, key=lambda part: (frequency[part], part), default="")
            for code, found in sets.items()
        }
        numbers = {part: number for number, part in enumerate(sorted(frequency))}
        return [numbers.get(rarest.get(code, ""), _NONE) for code in codes.tolist()]


def require_seen(gathered: Gathered, split: Split) -> None:
    """
    Raises:
        DataError: ``unseen_classes``, where a held-out text has a class that no training text has, with its line.
    """
    if gathered.kind == "number":
        return
    first: dict[int, int] = {}
    for number, code in enumerate(gathered.codes.tolist()):
        if code >= 0 and split.decisions[number] == HELD_OUT:
            first.setdefault(code, number)
    trained = set(gathered.codes[split.decisions == TRAIN].tolist()) - {_NONE}
    seen = {part for code in trained for part in classes_in(gathered.labels[code], gathered.kind)}
    unseen = {
        part: number
        for code, number in reversed(first.items())
        for part in classes_in(gathered.labels[code], gathered.kind)
        if part not in seen
    }
    if unseen:
        raise unseen_classes({part: gathered.where(number) for part, number in sorted(unseen.items())})


def classes_in(label: Label, kind: TextLabels) -> Sequence[str]:
    """The classes of a text in sorted order: of a sentence with tags the types of its entities; a number has none."""
    if isinstance(label, str):
        return (label,)
    if not isinstance(label, tuple):
        return ()
    return sorted({parts(tag)[1] for tag in label if tag != OUTSIDE}) if kind == "tags" else label


def sentence_tags(labels: Sequence[Label]) -> list[tuple[str, ...]]:
    """The labels of sentences: their tags."""
    return [label for label in labels if isinstance(label, tuple)]


def _too_small(case: str, what: str, texts: int) -> DataError:
    return DataError(
        "data_too_small",
        f"{what}; training and evaluation need at least one each",
        "Add texts.",
        case=case,
        texts=texts,
        what=what,
    )
