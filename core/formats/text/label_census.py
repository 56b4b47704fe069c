"""Counts what a file of text has beside its texts: columns that may hold labels or splits, folders, tags of words.

Inspection shows it to people and keeps it, so that a job on labels that cannot be learned is refused when it is submitted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from core.characters import brief
from core.formats.containers.layout import SPLIT_NAMES
from core.formats.errors import FormatError, Place
from core.formats.tables.reading import Row, nameable
from core.formats.text.column_files import Sentence
from core.formats.text.label_values import LabelFault, label_of
from core.formats.text.labelled import check_tags, table_is_held_out
from core.formats.text.tag_schemes import TagCensus, entities, to_iob2
from core.spec.text_data import LABEL_COLUMNS

MOST_COLUMNS = 8
MOST_CLASSES = 1_000
_NAMES = 100
_SHOWN_CLASSES = 100
"""Classes of which examples are kept."""
_EXAMPLES = 2
_EXAMPLE_CHARACTERS = 120


@dataclass
class ClassCensus:
    """The labels in one column, or the folders of plain text files."""

    classes: Counter[str] = field(default_factory=Counter)
    """Samples of each class; of a list of labels each counts."""
    held_out: Counter[str] = field(default_factory=Counter)
    """Of those, the ones in files and folders that are held out by their name."""
    unlabelled: int = 0
    first_unlabelled: int | None = None
    """Line of the first sample without a label."""
    lists: bool = False
    numbers: bool = True
    """Whether all labels are numbers."""
    unusable: bool = False
    """Whether there are too many classes, or values that are no labels."""
    examples: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Classes of which nothing but their number changes any more: most rows have one of them.
        self._settled: set[str] = set()

    def add(self, value: Any, text: str, line: int | None, *, held_out: bool) -> None:
        """Count a sample."""
        if self.unusable:
            return
        if value.__class__ is str and value in self._settled:
            self.classes[value] += 1
            self.held_out[value] += held_out
            return
        try:
            label = label_of(value, "several" if isinstance(value, list) else "one")
        except LabelFault:
            self._give_up()
            return
        if label is None:
            self.unlabelled += 1
            if self.first_unlabelled is None:
                self.first_unlabelled = line
            return
        self.lists = self.lists or isinstance(label, tuple)
        for name in label if isinstance(label, tuple) else (str(label),):
            self.classes[name] += 1
            self.held_out[name] += held_out
            self.numbers = self.numbers and _is_number(name)
            self._show(name, text)
        if len(self.classes) > MOST_CLASSES and not self.numbers:
            self._give_up()
        elif len(self.classes) > MOST_CLASSES:
            # Numbers may be scores: which values there are does not matter.
            self.examples.clear()
            self._settled.clear()
            self.unusable = True

    def _show(self, name: str, text: str) -> None:
        if name not in self.examples and len(self.examples) >= _SHOWN_CLASSES:
            self._settled.add(name)
            return
        shown = self.examples.setdefault(name, [])
        shown.append(brief(" ".join(text[: 4 * _EXAMPLE_CHARACTERS].split()), _EXAMPLE_CHARACTERS))
        if len(shown) == _EXAMPLES:
            self._settled.add(name)

    def _give_up(self) -> None:
        self.unusable, self.numbers = True, False
        self.classes.clear()
        self.held_out.clear()
        self.examples.clear()
        self._settled.clear()

    @property
    def kind(self) -> str:
        """``split``, ``several``, ``one``, ``number`` or ``other``."""
        if self.unusable:
            return "number" if self.numbers else "other"
        if self.classes and {name.lower() for name in self.classes} <= SPLIT_NAMES and not self.lists:
            return "split"
        return "several" if self.lists else "one"

    def facts(self, name: str | None) -> dict[str, Any]:
        """The counts as plain values for JSON."""
        known = not self.unusable
        return {
            "name": name,
            "kind": self.kind,
            "numbers": self.numbers and bool(self.classes),
            "class_count": len(self.classes) if known else None,
            "classes": dict(self.classes.most_common(MOST_CLASSES)) if known else {},
            "held_out": {kind: count for kind, count in self.held_out.items() if count} if known else {},
            "unlabelled": self.unlabelled,
            "first_unlabelled": self.first_unlabelled,
            "examples": self.examples if known else {},
        }


class LabelCensus:
    """The labels and splits of one uploaded file."""

    def __init__(self) -> None:
        self._columns: dict[str, ClassCensus] = {}
        self._read: list[str] = []
        self._names: dict[str, None] = {}
        self._folders = ClassCensus()
        self._tags = TagCensus()
        self._entities, self._held_out_entities = Counter[str](), Counter[str]()
        self._words = self._untagged = self._count = 0
        self._first_untagged: int | None = None
        self._problem: FormatError | None = None
        self._examples: dict[str, list[str]] = {}
        self.held_out = 0
        """Samples in files and folders that are held out by their name."""

    def choose(self, columns: Sequence[str]) -> Sequence[str]:
        """The columns to read of a table: those named like labels first."""
        fine = nameable(columns)
        self._names.update(dict.fromkeys(fine[:_NAMES]))
        ranked = sorted(fine, key=lambda name: name not in LABEL_COLUMNS)
        self._read = ranked[:MOST_COLUMNS]
        for name in self._read:
            if len(self._columns) < MOST_COLUMNS:
                self._columns.setdefault(name, ClassCensus())
        return self._read

    def add_row(self, row: Row, place: Place) -> None:
        """Count a row of a table."""
        held_out = table_is_held_out(place)
        self.held_out += held_out
        for name, value in zip(self._read, row.values, strict=True):
            if name in self._columns:
                self._columns[name].add(value, row.text or "", row.line, held_out=held_out)

    def add_file(self, folder: str | None, text: str, *, held_out: bool) -> None:
        """Count a plain text file in a folder."""
        self._count += 1
        self.held_out += held_out
        self._folders.add(folder, text, None, held_out=held_out)

    def add_sentence(self, sentence: Sentence, place: Place) -> None:
        """Count a sentence of a file in CoNLL layout."""
        held_out = table_is_held_out(place)
        self.held_out += held_out
        self._words += len(sentence.words)
        if sentence.tags is None:
            self._untagged += 1
            self._first_untagged = self._first_untagged or sentence.line
            return
        try:
            check_tags(sentence, place)
        except FormatError as error:
            self._problem = self._problem or error
            return
        self._tags.add(sentence.tags, place, sentence.line)
        scheme = self._tags.scheme
        if scheme is None:
            return
        for entity in entities(to_iob2(sentence.tags, scheme)):
            kind = brief(entity.type, 100)
            self._entities[kind] += 1
            self._held_out_entities[kind] += held_out
            shown = self._examples.setdefault(kind, []) if len(self._examples) < _SHOWN_CLASSES else []
            if len(shown) < _EXAMPLES:
                words = " ".join(sentence.words[entity.start : entity.end])
                shown.append(brief(words, _EXAMPLE_CHARACTERS))

    def facts(self) -> dict[str, Any]:
        """The counts as plain values for JSON."""
        return {
            "names": list(self._names)[:_NAMES],
            "columns": [census.facts(name) for name, census in self._columns.items()],
            "folders": self._folders.facts(None) if self._count else None,
            "tags": self._tag_facts() if self._words else None,
            "held_out": self.held_out,
        }

    def _tag_facts(self) -> dict[str, Any]:
        problem = self._problem
        if problem is None and self._tags.scheme is None:
            try:
                self._tags.settled()
            except FormatError as error:
                problem = error
        return {
            "scheme": self._tags.scheme,
            "sentences": self._tags.sentences + self._untagged,
            "words": self._words,
            "untagged": self._untagged,
            "first_untagged": self._first_untagged,
            "entities": dict(self._entities.most_common(MOST_CLASSES)),
            "held_out": {kind: count for kind, count in self._held_out_entities.items() if count},
            "examples": self._examples,
            "problem": None if problem is None else problem.nested,
        }


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True
