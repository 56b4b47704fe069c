"""T5 1.1 (Raffel et al. 2019, arXiv 1910.10683): an encoder and a decoder."""

from collections.abc import Mapping
from typing import ClassVar, Self

from core.spec.architectures.base import Inputs
from core.spec.architectures.language import LanguageModelSize

_BUCKETS = 32
"""Buckets of relative positions."""


class T5Size(LanguageModelSize):
    """Sizes of a T5; the encoder and the decoder have the same number of layers."""

    architecture: ClassVar[str] = "t5"
    default_dropout: ClassVar[float] = 0.1
    # The GELU, by its tangent, is made of seven operations.
    token_bytes: ClassVar[tuple[tuple[int, int], tuple[int, int]]] = ((46, 32), (40, 28))

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        # Small has the depth and widths of T5 1.1's small, with eight heads that share the width where that has six of
        # 64; the others are below it, for small data.
        return {
            "t5-tiny": cls.of(2, 128, 4, 320),
            "t5-mini": cls.of(4, 256, 4, 640),
            "t5-small": cls.of(8, 512, 8, 1024),
        }

    def parameters(self, inputs: Inputs) -> int:
        hidden = self.hidden_size
        encoder = self.gated_block_parameters + 2 * hidden
        # The decoder's blocks have a second attention, to the encoder, with a norm.
        decoder = encoder + 4 * hidden * hidden + hidden
        ends = 2 * (hidden + _BUCKETS * self.heads)
        return inputs.vocabulary_size * hidden + self.layers * (encoder + decoder) + ends
