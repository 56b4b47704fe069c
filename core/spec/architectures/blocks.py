"""The linear maps inside the blocks of an encoder: names, parts and shapes, without torch.

What adapts a network to a task (`core.spec.adaptation`) chooses maps by these names, and the weights that it adds are
counted from these shapes.
"""

from dataclasses import dataclass
from typing import Literal

Part = Literal["attention", "feed_forward", "convolution", "linear"]
"""What of a block a map belongs to."""
Scaled = Literal["outputs", "inputs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockMap:
    """One linear layer or convolution of a block."""

    name: str
    """Dotted name of its module inside the block, as in `transformers`."""
    part: Part
    inputs: int
    """Its input features or channels."""
    outputs: int
    kernel: int = 1
    """Pixels on the side of a convolution's kernel."""
    is_last: bool = False
    """Whether its outputs are those of the part, which the block adds to its input."""
    scaled: Scaled | None = None
    """What IA³ multiplies with factors."""


def attention_maps(
    hidden: int, before: str, keys_and_values: tuple[str, ...], others: tuple[str, ...], last: str
) -> tuple[BlockMap, ...]:
    """The square maps of an attention, by their names behind ``before``."""
    named = [*((name, "outputs") for name in keys_and_values), *((name, None) for name in others)]
    maps = [
        BlockMap(name=before + name, part="attention", inputs=hidden, outputs=hidden, scaled=scaled)  # type: ignore[arg-type]
        for name, scaled in named
    ]
    end = BlockMap(name=before + last, part="attention", inputs=hidden, outputs=hidden, is_last=True)
    return (*maps, end)


def feed_forward_maps(
    hidden: int, intermediate: int, before: str, widening: tuple[str, ...], narrowing: str
) -> tuple[BlockMap, ...]:
    """The maps of a feed-forward layer, by their names behind ``before``."""
    wide = [
        BlockMap(name=before + name, part="feed_forward", inputs=hidden, outputs=intermediate)
        for name in widening
    ]
    last = BlockMap(
        name=before + narrowing,
        part="feed_forward",
        inputs=intermediate,
        outputs=hidden,
        is_last=True,
        scaled="inputs",
    )
    return (*wide, last)
