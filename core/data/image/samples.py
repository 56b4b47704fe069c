"""The images of a split as samples."""

import numpy as np
from numpy.typing import NDArray

from core.data.errors import DataError
from core.data.image.prepared import PreparedImages
from core.data.prepared import SplitName


class ImageSamples:
    """The images of a split by index. ``labels`` are for probes; pretraining does not use them."""

    def __init__(self, prepared: PreparedImages, split: SplitName) -> None:
        self.prepared = prepared
        self._images = prepared.images(split)
        self._labels = prepared.labels(split)
        self.label_places = prepared.label_places
        self._name = "training" if split == "train" else "held-out"

    def __len__(self) -> int:
        return len(self._images)

    @property
    def labels(self) -> NDArray[np.int64]:
        """Class of each image, shape (N,), -1 where it has none."""
        return self._labels

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """The images at ``indices`` (integers in 0 … len - 1, shape (B,)): shape (B, H, W, C).

        Raises:
            IndexError: for an index out of range.
        """
        if len(indices) and not 0 <= indices.min() <= indices.max() < len(self):
            raise IndexError(f"images {indices.min()} to {indices.max()} of {len(self)}")
        return np.asarray(self._images[indices])

    def require(self, count: int) -> None:
        """
        Raises:
            DataError: ``data_too_small``, where there are fewer images than ``count``.
        """
        if len(self) < count:
            raise DataError(
                "data_too_small",
                f"The {self._name} split has {len(self):,} image{'' if len(self) == 1 else 's'}, and {count:,} "
                f"{'is' if count == 1 else 'are'} needed",
                "Add images, or lower training.batch_size.",
                case="images",
                split=self._name,
                images=len(self),
                needed=count,
            )
