"""Prepared images on disk, with ``meta.json`` that describes them.

```
<key>/
  train.images  held_out.images    uint8, (N, H, W, C), one image after the other
  train.labels  held_out.labels    int64, (N,), index into the classes, -1 where there is none
  meta.json                        written last
```
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from core.data.label_places import LabelPlaces
from core.data.prepared import SkippedSample, SplitName
from core.formats.published.preprocessors import image_statistics
from core.spec.prepared import FORMATS

FORMAT = FORMATS["image"]
META = "meta.json"


@dataclass(frozen=True)
class PreparedImages:
    """A dataset as arrays of bytes, all images of one size. Immutable; all runs with the same data share it."""

    directory: Path
    key: str
    cached: bool
    """Whether it was there already."""
    height: int
    width: int
    channels: int
    train: int
    """Images in the training split."""
    held_out: int
    mean: tuple[float, ...]
    """Mean of each channel over the training split, 0 … 1."""
    std: tuple[float, ...]
    classes: tuple[str, ...]
    """Class names by folder or label column; () where there are fewer than two."""
    duplicates: int
    """Images dropped as exact copies of an earlier file."""
    bad: int
    """Images left out because they could not be decoded."""
    skipped: tuple[SkippedSample, ...]
    """The first of those."""
    own_split: bool
    """Whether the dataset itself has a held-out split."""
    label_places: LabelPlaces = field(default_factory=LabelPlaces)
    preprocessor: Mapping[str, Any] | None = None
    """The settings by which `mean` and `std` were replaced (`preprocessed_as`)."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """The fields of the ``prepared`` event."""
        return {
            "images": self.train,
            "images_held_out": self.held_out,
            "height": self.height,
            "width": self.width,
            "channels": self.channels,
            "classes": len(self.classes),
            "duplicates": self.duplicates,
            "bad": self.bad,
            "skipped": [asdict(sample) for sample in self.skipped],
            "cached": self.cached,
        }

    def preprocessed_as(self, settings: Mapping[str, Any]) -> Self:
        """The same images for a network that somebody else trained.

        Args:
            settings: Those of its ``preprocessor_config.json``; its mean and deviation take the place of those of the data.
        """
        mean, std = image_statistics(settings, self.channels)
        return replace(self, mean=mean, std=std, preprocessor=settings)

    def count(self, split: SplitName) -> int:
        """Number of images in a split."""
        return self.train if split == "train" else self.held_out

    def images(self, split: SplitName) -> NDArray[np.uint8]:
        """All images of a split, shape (N, H, W, C), memory-mapped."""
        shape = (self.count(split), self.height, self.width, self.channels)
        return np.memmap(self.directory / f"{split}.images", np.uint8, mode="r", shape=shape)

    def labels(self, split: SplitName) -> NDArray[np.int64]:
        """Class of each image of a split, shape (N,), -1 where it has none."""
        return np.fromfile(self.directory / f"{split}.labels", np.int64)


def write_meta(directory: Path, facts: Mapping[str, Any]) -> None:
    """Complete a prepared directory: write the facts (fields of `PreparedImages`), and the size of every file in it."""
    files = {path.name: path.stat().st_size for path in sorted(directory.iterdir())}
    document = {"format": FORMAT, **facts, "files": files}
    (directory / META).write_text(json.dumps(document, indent=1) + "\n")


def open_prepared(directory: Path) -> PreparedImages | None:
    """The prepared data in a directory. None where there is none, or it is incomplete."""
    try:
        meta = json.loads((directory / META).read_text())
        if meta.pop("format") != FORMAT:
            return None
        files = meta.pop("files")
        if any((directory / name).stat().st_size != size for name, size in files.items()):
            return None
        for name in ("mean", "std", "classes"):
            meta[name] = tuple(meta[name])
        meta["label_places"] = LabelPlaces.of(meta.get("label_places"))
        skipped = tuple(SkippedSample(**sample) for sample in meta.pop("skipped"))
        return PreparedImages(directory=directory, cached=True, skipped=skipped, **meta)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
