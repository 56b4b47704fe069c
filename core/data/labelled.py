"""Samples with labels, for tasks that learn from them."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from core.data.both_splits import recordings_of
from core.data.errors import DataError
from core.data.label_places import LabelPlaces
from core.data.prepared import Samples, SplitName

_NAMED = 5
"""Classes that a message names, at most."""


@runtime_checkable
class Located(Protocol):
    """Samples that know where those are whose labels cannot be used."""

    @property
    def label_places(self) -> LabelPlaces:
        """Files, members and lines."""


class LabelledSamples:
    """The samples of a split that have a class.

    Args:
        samples: All samples of the split.
        missing: `data.on_missing_label` of the spec.

    Raises:
        DataError: ``labels_missing``, where a sample has no class and ``missing`` is ``refuse``.
    """

    def __init__(self, samples: Samples, split: SplitName, missing: Literal["refuse", "skip"]) -> None:
        self._samples = samples
        self.split: SplitName = split
        self._name = "training" if split == "train" else "held-out"
        labels = samples.labels
        if labels is None:
            labels = np.full(len(samples), -1, np.int64)
        self._chosen: NDArray[np.int64] = np.flatnonzero(labels >= 0)
        self._labels: NDArray[np.int64] = labels[self._chosen]
        without = len(labels) - len(self._chosen)
        if without and missing == "refuse":
            places = list(samples.label_places.unlabelled[:_NAMED]) if isinstance(samples, Located) else []
            first = f", the first in {'; '.join(places)}" if places else ""
            raise DataError(
                "labels_missing",
                f"{without:,} of the {len(labels):,} samples of the {self._name} split have no class{first}",
                "Give each sample a class (a folder, or a column of the table), or set data.on_missing_label to skip.",
                split=self._name,
                samples=len(labels),
                without=without,
                places=places,
            )

    def __len__(self) -> int:
        return len(self._chosen)

    @property
    def class_places(self) -> Sequence[str]:
        """`LabelPlaces.held_out` of the dataset."""
        return self._samples.label_places.held_out if isinstance(self._samples, Located) else ()

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class of each sample, shape (len,)."""
        return self._labels

    @property
    def chosen(self) -> NDArray[np.int64]:
        """The number of each sample among all of the split, shape (len,)."""
        return self._chosen

    @property
    def recordings(self) -> NDArray[np.int64] | None:
        """The number of the recording that each sample is from, shape (len,); None where samples are no clips of recordings."""
        found = recordings_of(self._samples)
        return None if found is None else found[self._chosen]

    def rows(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """The raw samples at ``indices``, shape (B, …)."""
        return self._samples.rows(self._chosen[indices])

    def require(self, count: int) -> None:
        """
        Raises:
            DataError: ``data_too_small``, where there are fewer samples than ``count``.
        """
        if len(self) < count:
            raise DataError(
                "data_too_small",
                f"The {self._name} split has {len(self):,} samples with a class, and {count:,} are needed",
                "Add samples, or lower training.batch_size.",
                case="labelled",
                split=self._name,
                samples=len(self),
                needed=count,
            )


def require_classes(
    classes: Sequence[str],
    train: NDArray[np.int64],
    held_out: NDArray[np.int64],
    places: Sequence[str] = (),
) -> None:
    """Check that the classes can be learned and measured.

    Args:
        classes: Names of all classes.
        train: Class of each training sample.
        held_out: Class of each held-out sample.
        places: Where the first held-out sample of each class is; () where it is not known.

    Raises:
        DataError: ``too_few_classes`` below two, ``unseen_classes`` where a held-out class has no training sample.
    """
    seen = set(train.tolist())
    if len(classes) < 2 or len(seen) < 2:
        only = classes[next(iter(seen))] if classes and seen else None
        there = "fewer than two" if only is None else f"only {only!r}"
        raise DataError(
            "too_few_classes",
            f"The training split has {there} of the classes, and two are the least that can be told apart",
            "Put the samples of each class into a folder of its own, or name the column with the classes.",
            only=only,
        )
    if unseen := sorted(set(held_out.tolist()) - seen):
        raise unseen_classes({classes[number]: places[number] if places else "" for number in unseen})


def unseen_classes(first: Mapping[str, str]) -> DataError:
    """The error for classes that are only held out.

    Args:
        first: The classes, each with the place of its first sample, or an empty string.
    """
    named = dict(list(first.items())[:_NAMED])
    said = ", ".join(f"{name!r} ({place})" if place else repr(name) for name, place in named.items())
    more = len(first) - len(named)
    return DataError(
        "unseen_classes",
        f"{len(first)} of the held-out split's classes have no sample in the training split: {said}"
        f"{f' and {more} more' if more else ''}",
        "Add samples of these classes to learn from, or remove the held-out ones.",
        classes=len(first),
        first=named,
        more=more,
    )
