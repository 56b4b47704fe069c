"""The labels of prepared text on disk, beside its tokens, and the facts about them.

```
<key>/
  train.labels      held_out.labels       int64, (documents,): class, -1 for none          (one label)
  train.label_sets  held_out.label_sets   int8, (documents, classes): 1 and 0, -1 for none (several labels)
  train.values      held_out.values       float64, (documents,): NaN for none              (a number)
```

For tags there are those of `core.data.text.word_tags`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.data.prepared import SplitName
from core.formats.labels import natural_order
from core.formats.text.label_values import Label
from core.formats.text.tag_schemes import Scheme
from core.spec.text_data import TextLabels


@dataclass(frozen=True)
class LabelFacts:
    """The facts about the labels of prepared text."""

    kind: TextLabels
    classes: tuple[str, ...]
    """Names of the classes in natural sort order, of tags those of IOB2 with ``O`` first; () for numbers."""
    unlabelled: int
    """Documents without a label, in both splits."""
    unlabelled_at: tuple[str, ...]
    """File and line of the first of them."""
    conflicts: int
    """Documents left out because an earlier one has the same text and another label."""
    conflicts_at: tuple[str, ...]
    """File and line of the first of them."""
    own_split: bool
    """Whether the split is the data's own."""
    scheme: Scheme | None = None
    """Of tags: the scheme that the files have; they are stored in IOB2."""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """The facts from what ``dataclasses.asdict`` makes of them, read from JSON."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in document.items()
        }
        return cls(**fields)


def classes_of(labels: Sequence[Label]) -> tuple[str, ...]:
    """The class names among distinct labels, in natural sort order."""
    return tuple(
        natural_order({part for label in labels for part in ((label,) if isinstance(label, str) else label)})  # type: ignore[union-attr]
    )


def write_labels(
    directory: Path, split: SplitName, facts: LabelFacts, labels: Sequence[Label], codes: NDArray[np.int64]
) -> None:
    """Write the labels of a split.

    Args:
        labels: The distinct labels of the data.
        codes: The index into ``labels`` for each document, -1 for none.
    """
    if facts.kind == "number":
        table: NDArray[Any] = np.array([*labels, np.nan], np.float64)
        name = "values"
    else:
        index = {name: number for number, name in enumerate(facts.classes)}
        if facts.kind == "one":
            table = np.array([*(index[str(label)] for label in labels), -1], np.int64)
            name = "labels"
        else:
            table = np.zeros((len(labels) + 1, len(index)), np.int8)
            for row, label in enumerate(labels):
                assert isinstance(label, tuple)
                table[row, [index[part] for part in label]] = 1
            table[-1] = -1
            name = "label_sets"
    # -1 is the last entry of the table.
    table[codes].tofile(directory / f"{split}.{name}")


def read_labels(directory: Path, split: SplitName, facts: LabelFacts) -> NDArray[Any]:
    """What `write_labels` wrote, shape (documents, …)."""
    if facts.kind == "one":
        return np.fromfile(directory / f"{split}.labels", np.int64)
    if facts.kind == "number":
        return np.fromfile(directory / f"{split}.values", np.float64)
    return np.fromfile(directory / f"{split}.label_sets", np.int8).reshape(-1, max(1, len(facts.classes)))
