"""The light augmentation of tasks that hide a part of an image themselves: random resized crops, and flips."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from core.augmentation import draw_views, to_float, views
from core.randomness import derive_seed
from core.spec.augmentation import AugmentationSpec

_PREFIX = "view/"


class Crops:
    """Draws the crops' positions when a batch is made, and cuts them out on the networks' device.

    Args:
        min_area: smallest share of an image's area that a crop takes.
        flip_probability: chance to be mirrored left to right.
    """

    def __init__(self, min_area: float, flip_probability: float) -> None:
        self._spec = AugmentationSpec(
            crop_min_area=min_area,
            flip_probability=flip_probability,
            jitter_probability=0.0,
            grayscale_probability=0.0,
        )

    def draw(self, samples: NDArray[np.int64], key: int, side: int) -> dict[str, Tensor]:
        """A batch's tensors that describe its crops, a function of (key, sample), for images of ``side`` pixels."""
        drawn = draw_views(self._spec, samples, derive_seed(key, "crops"), (side, side))
        return {_PREFIX + name: tensor for name, tensor in drawn.items()}

    def cut(self, images: Tensor, tensors: Mapping[str, Tensor]) -> Tensor:
        """The crops that ``tensors`` describe, or the whole images if they describe none.

        Args:
            images: bytes, shape (B, H, W, C).
            tensors: a batch's.

        Returns:
            Values 0 … 1, shape (B, C, H, W).
        """
        drawn = {
            name.removeprefix(_PREFIX): tensor for name, tensor in tensors.items() if name.startswith(_PREFIX)
        }
        return views(images, drawn, self._spec) if drawn else to_float(images)
