"""What transformer architectures have in common."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field

from core.spec.architectures.base import Size
from core.spec.architectures.blocks import BlockMap, attention_maps, feed_forward_maps
from core.spec.base import Spec
from core.spec.faults import SpecFault

_SCORE_BYTES = 9
"""Bytes per head and pair of tokens where attention scores are materialised: scores, softmax, dropout mask."""


class TransformerSize(Spec):
    """Sizes of a transformer."""

    layers: Annotated[int, Field(ge=1, le=200)]
    hidden_size: Annotated[int, Field(ge=8, le=65536)]
    heads: Annotated[int, Field(ge=1, le=1024)]
    intermediate_size: Annotated[int, Field(ge=8, le=1_048_576)]

    def narrowed(self, layers: int, hidden_size: int | None, param: str) -> "TransformerSize":
        """Sizes of a decoder or predictor with as many heads, by default half as wide.

        Args:
            hidden_size: its width; None: half of this one's, rounded up to a multiple of 4 and of the heads.
            param: the name of the field that sets it, for the error message.

        Raises:
            ValueError: for a width that is no multiple of 4 and of the heads.
        """
        multiple = math.lcm(4, self.heads)
        width = hidden_size or multiple * math.ceil(self.hidden_size / 2 / multiple)
        if width % multiple:
            raise SpecFault(
                "not_multiple",
                f"{param} ({width}) must be a multiple of {multiple}",
                name=param,
                value=width,
                multiple=multiple,
            )
        return TransformerSize(
            layers=layers, hidden_size=width, heads=self.heads, intermediate_size=4 * width
        )

    @property
    def block_parameters(self) -> int:
        """Parameters of one block: attention and feed-forward with biases, and their two norms."""
        hidden, intermediate = self.hidden_size, self.intermediate_size
        attention = 4 * (hidden * hidden + hidden)
        feed_forward = 2 * hidden * intermediate + intermediate + hidden
        return attention + feed_forward + 4 * hidden

    @property
    def gated_block_parameters(self) -> int:
        """Parameters of one block: attention and gated feed-forward without biases; norms not counted."""
        return 4 * self.hidden_size * self.hidden_size + 3 * self.hidden_size * self.intermediate_size

    def block_bytes(self, tokens: int, by_hidden: int, by_intermediate: int, *, attended: int = 0) -> int:
        """Bytes of the saved activations of all blocks.

        Args:
            tokens: tokens of the whole micro-batch that pass through each block.
            by_hidden: bytes per token and block, as a factor of the hidden size.
            by_intermediate: likewise, as a factor of the intermediate size.
            attended: tokens to which each token attends, where attention scores are materialised.
        """
        a_token = by_hidden * self.hidden_size + by_intermediate * self.intermediate_size
        return self.layers * tokens * (a_token + _SCORE_BYTES * self.heads * attended)


class Transformer(TransformerSize, Size):
    """An architecture that is a transformer."""

    settings: ClassVar[tuple[str, ...]] = ("layers", "hidden_size", "heads", "intermediate_size", "dropout")
    published_sizes: ClassVar[Mapping[str, str]] = {
        "num_hidden_layers": "layers",
        "hidden_size": "hidden_size",
        "num_attention_heads": "heads",
        "intermediate_size": "intermediate_size",
    }
    rotary: ClassVar[bool] = False
    """Whether positions are encoded as rotations of pairs of numbers (RoPE, Su et al. 2021, arXiv 2104.09864)."""

    @classmethod
    def of(cls, layers: int, hidden_size: int, heads: int, intermediate_size: int | None = None) -> Self:
        """Sizes from positional arguments; the intermediate size is by default four times the hidden size."""
        return cls(
            layers=layers,
            hidden_size=hidden_size,
            heads=heads,
            intermediate_size=intermediate_size or 4 * hidden_size,
        )

    def changed(self, settings: Mapping[str, Any]) -> Self:
        hidden = settings.get("hidden_size", self.hidden_size)
        size = type(self)(
            layers=settings.get("layers", self.layers),
            hidden_size=hidden,
            heads=settings.get("heads", self.heads),
            intermediate_size=settings.get(
                "intermediate_size", hidden * self.intermediate_size // self.hidden_size
            ),
        )
        if size.hidden_size % size.heads:
            raise SpecFault(
                "not_multiple",
                f"hidden_size ({size.hidden_size}) must be a multiple of heads ({size.heads})",
                case="heads",
                value=size.hidden_size,
                multiple=size.heads,
            )
        if self.rotary and size.hidden_size // size.heads % 2:
            raise SpecFault(
                "not_multiple",
                f"a {self.architecture} turns pairs of numbers: hidden_size / heads must be even, "
                f"not {size.hidden_size // size.heads}",
                case="rotary",
                architecture=self.architecture,
                value=size.hidden_size // size.heads,
            )
        return size

    @property
    def feature_width(self) -> int:
        return self.hidden_size

    @property
    def block_count(self) -> int:
        return self.layers

    def block_weights(self, block: int) -> int:  # noqa: ARG002 - for architectures whose blocks differ
        return self.block_parameters

    def vit_maps(self) -> tuple[BlockMap, ...]:
        """The maps of a block with the names that ViT, AST and I-JEPA have for them."""
        attention = attention_maps(
            self.hidden_size, "attention.", ("k_proj", "v_proj"), ("q_proj",), "o_proj"
        )
        return attention + feed_forward_maps(
            self.hidden_size, self.intermediate_size, "mlp.", ("fc1",), "fc2"
        )
