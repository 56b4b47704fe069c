"""Precision, recall and F1 of whole entities, as seqeval counts them (github.com/chakki-works/seqeval, MIT).

An entity counts only if its type, its first and its last word are right. Two ways of reading entities off tags:

- default: like conlleval of CoNLL-2000. Tags that no scheme allows are read as best they can: I after O begins an entity.
- strict: IOB2 as it is defined. An entity begins with B; words with I that continue none belong to none.

seqeval is not a dependency, because it is not maintained; `benchmarks/token_f1.py` compares with it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

OUTSIDE = "O"


class Entity(NamedTuple):
    """A run of words, the last one included."""

    type: str
    first: int
    last: int


@dataclass(frozen=True)
class EntityScores:
    """Measures of one type, or of all types together."""

    precision: float
    """Of the predicted entities, the share that is right; 0 without any."""
    recall: float
    """Of the true entities, the share that was found; 0 without any."""
    f1: float
    support: int
    """Number of true entities."""


@dataclass
class EntityCounts:
    """Counts entities of true and predicted tags, sentence by sentence.

    Args:
        strict: How entities are read off tags, see the module's docstring.
    """

    strict: bool = False

    def __post_init__(self) -> None:
        self._true, self._predicted, self._right = Counter[str](), Counter[str](), Counter[str]()

    def add(self, true: Sequence[str], predicted: Sequence[str]) -> int:
        """Count a sentence. Returns the number of its mistakes: entities that were missed, and wrong ones.

        Raises:
            ValueError: the two have not the same number of tags.
        """
        if len(true) != len(predicted):
            raise ValueError(f"{len(true)} tags are true and {len(predicted)} predicted")
        find = strict_entities if self.strict else entities
        expected, found = set(find(true)), set(find(predicted))
        for counter, counted in (
            (self._true, expected),
            (self._predicted, found),
            (self._right, expected & found),
        ):
            counter.update(entity.type for entity in counted)
        return len(expected ^ found)

    @property
    def by_type(self) -> dict[str, EntityScores]:
        """Measures of each type that is true or predicted, in alphabetical order."""
        return {
            kind: _scores(self._right[kind], self._predicted[kind], self._true[kind])
            for kind in sorted({*self._true, *self._predicted})
        }

    @property
    def micro(self) -> EntityScores:
        """Measures of all entities together."""
        return _scores(self._right.total(), self._predicted.total(), self._true.total())

    @property
    def macro_f1(self) -> float:
        """The mean of F1 over the types; 0 without any."""
        found = [scores.f1 for scores in self.by_type.values()]
        return sum(found) / len(found) if found else 0.0


def entities(tags: Sequence[str]) -> Iterator[Entity]:
    """The entities of a sentence in the default way. Prefixes are B, I, E, S and O."""
    last, last_type, begin = OUTSIDE, "", 0
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, kind = tag[:1], _type_of(tag)
        # Types of tags outside compare too: after "B" without a type comes "O", which has the same one.
        other = kind != last_type
        ends = (
            last in {"E", "S"}
            or (last in {"B", "I"} and prefix in {"B", "S", OUTSIDE})
            or (last not in {OUTSIDE, "."} and other)
        )
        if ends:
            yield Entity(last_type, begin, place - 1)
        begins = (
            prefix in {"B", "S"}
            or (last in {"E", "S", OUTSIDE} and prefix in {"E", "I"})
            or (prefix not in {OUTSIDE, "."} and other)
        )
        if begins:
            begin = place
        last, last_type = prefix, kind


def strict_entities(tags: Sequence[str]) -> Iterator[Entity]:
    """The entities of a sentence in IOB2: B, and the words with I of the same type that follow it.

    Raises:
        ValueError: a tag has a prefix other than B, I and O.
    """
    begin, last_type = -1, ""
    for place, tag in enumerate([*tags, OUTSIDE]):
        prefix, kind = tag[:1], tag[1:].strip("-") or "_"
        if prefix not in {"B", "I", OUTSIDE}:
            raise ValueError(f"{tag!r} is no tag of IOB2")
        if begin >= 0 and not (prefix == "I" and kind == last_type):
            yield Entity(last_type, begin, place - 1)
            begin = -1
        if prefix == "B":
            begin, last_type = place, kind


def _type_of(tag: str) -> str:
    return tag[1:].split("-", maxsplit=1)[-1] or "_"


def _scores(right: int, predicted: int, true: int) -> EntityScores:
    precision = right / predicted if predicted else 0.0
    recall = right / true if true else 0.0
    together = precision + recall
    # In this order of operations, as seqeval and scikit-learn have it: another one differs in the last digit.
    f1 = 2 * precision * recall / together if together else 0.0
    return EntityScores(precision, recall, f1, true)
