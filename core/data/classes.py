"""Class numbers from the names of folders or the values of a column."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.formats.labels import natural_order


def numbered(labels: Sequence[str | None]) -> tuple[list[str], NDArray[np.int64]]:
    """The class names in natural sort order, and each sample's class number, -1 where it has none.

    A single class carries no information, so the result is no classes.
    """
    names = natural_order({label for label in labels if label is not None})
    if len(names) < 2:
        return [], np.full(len(labels), -1, np.int64)
    index = {name: number for number, name in enumerate(names)}
    numbers = (-1 if label is None else index[label] for label in labels)
    return names, np.fromiter(numbers, np.int64, len(labels))
