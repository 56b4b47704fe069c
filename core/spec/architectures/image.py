"""What image encoders have in common: pixels as input, a map of features as output."""

import abc

from core.spec.architectures.base import Inputs, Size

SMALL_IMAGE_PIXELS = 40
"""Images of at most this many pixels a side keep their resolution in a ResNet's stem, and have small patches."""


def is_small_image(size: int) -> bool:
    """Whether networks treat images of ``size`` pixels a side as small."""
    return size <= SMALL_IMAGE_PIXELS


class ImageEncoderSize(Size):
    """Sizes of an encoder of images."""

    @property
    @abc.abstractmethod
    def feature_width(self) -> int: ...

    @abc.abstractmethod
    def map_side(self, inputs: Inputs) -> int:
        """Height and width of its last map of features."""
