"""T5 1.1 (Raffel et al. 2019, arXiv 1910.10683): an encoder and a decoder."""

from collections.abc import Mapping
from typing import ClassVar, Self

from core.spec.architectures.base import Inputs
from core.spec.architectures.blocks import BlockMap, attention_maps, feed_forward_maps
from core.spec.architectures.language import LanguageModelSize

_BUCKETS = 32
"""Buckets of relative positions."""


class T5Size(LanguageModelSize):
    """Sizes of a T5; the encoder and the decoder have the same number of layers."""

    architecture: ClassVar[str] = "t5"
    published_sizes: ClassVar[Mapping[str, str]] = {
        "num_layers": "layers",
        "d_model": "hidden_size",
        "num_heads": "heads",
        "d_ff": "intermediate_size",
    }
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

    def encoder_parameters(self, inputs: Inputs) -> int:
        hidden = self.hidden_size
        blocks = self.layers * (self.gated_block_parameters + 2 * hidden)
        return inputs.vocabulary_size * hidden + blocks + hidden + _BUCKETS * self.heads

    def block_maps(self, block: int) -> tuple[BlockMap, ...]:  # noqa: ARG002 - all blocks have the same maps
        """Those of the encoder."""
        hidden = self.hidden_size
        attention = attention_maps(hidden, "layer.0.SelfAttention.", ("k", "v"), ("q",), "o")
        return attention + feed_forward_maps(
            hidden, self.intermediate_size, "layer.1.DenseReluDense.", ("wi_0", "wi_1"), "wo"
        )

    def block_weights(self, block: int) -> int:
        """Those of the encoder."""
        # The first block has the table of relative positions for all.
        positions = 0 if block else _BUCKETS * self.heads
        return self.gated_block_parameters + 2 * self.hidden_size + positions

    @property
    def norm_weights(self) -> int:
        return self.hidden_size
