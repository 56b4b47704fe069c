"""Where samples are whose labels cannot be used, for the messages that name them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from core.formats.errors import Place, where

_KEPT = 20


@dataclass(frozen=True)
class LabelPlaces:
    """Files (and members of archives) of a prepared dataset."""

    unlabelled: tuple[str, ...] = ()
    """The first samples without a class."""
    held_out: tuple[str, ...] = ()
    """Of each class the first sample that is held out, or else the first; () where it is not known."""

    @classmethod
    def of(cls, document: Mapping[str, Any] | None) -> Self:
        """From what ``dataclasses.asdict`` makes of them, read from JSON; None of data that were prepared without."""
        return cls(**{name: tuple(value) for name, value in (document or {}).items()})


@dataclass
class PlaceCollector:
    """Remembers places while the samples are read, a few for each class."""

    _unlabelled: list[str] = field(default_factory=list)
    _first: dict[tuple[str, bool], str] = field(default_factory=dict)

    def add(self, label: str | None, place: Place, *, held_out: bool) -> None:
        """Record a sample that is kept.

        Args:
            held_out: Whether the dataset itself holds it out.
        """
        if label is None:
            if len(self._unlabelled) < _KEPT:
                self._unlabelled.append(where(place, None))
        elif (label, held_out) not in self._first:
            self._first[label, held_out] = where(place, None)

    def found(self, classes: Sequence[str]) -> LabelPlaces:
        """The places, of the classes in this order."""
        # Where the data bring no split, all samples of a class that is only held out are, so that its first one is.
        held_out = (self._first.get((name, True)) or self._first.get((name, False), "") for name in classes)
        return LabelPlaces(tuple(self._unlabelled), tuple(held_out))
