"""Residual convolutional networks (He et al. 2015, arXiv 1512.03385)."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field

from core.spec.architectures.base import Inputs
from core.spec.architectures.blocks import BlockMap
from core.spec.architectures.image import ImageEncoderSize, is_small_image
from core.spec.faults import SpecFault


class ResNetSize(ImageEncoderSize):
    """Sizes of a ResNet without a head. The stem of small images is 3x3 and keeps their resolution, else 7x7."""

    architecture: ClassVar[str] = "resnet"
    settings: ClassVar[tuple[str, ...]] = ("depths", "widths")
    published_sizes: ClassVar[Mapping[str, str]] = {"depths": "depths", "hidden_sizes": "widths"}
    decided_settings: ClassVar[tuple[str, ...]] = ("num_channels", "embedding_size", "layer_type")

    block: Literal["basic", "bottleneck"]
    """Two 3x3 convolutions, or a 3x3 between two 1x1 that narrow and widen by four."""
    depths: Annotated[tuple[Annotated[int, Field(ge=1, le=200)], ...], Field(min_length=1, max_length=8)]
    """Blocks per stage; each stage after the first halves the resolution."""
    widths: Annotated[tuple[Annotated[int, Field(ge=4, le=65536)], ...], Field(min_length=1, max_length=8)]
    """Output channels of each stage."""

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        # Table 1 of the paper; mini, with one block a stage and half the widths, is for a CPU.
        return {
            "resnet-mini": cls(block="basic", depths=(1, 1, 1, 1), widths=(32, 64, 128, 256)),
            "resnet-18": cls(block="basic", depths=(2, 2, 2, 2), widths=(64, 128, 256, 512)),
            "resnet-50": cls(block="bottleneck", depths=(3, 4, 6, 3), widths=(256, 512, 1024, 2048)),
        }

    def changed(self, settings: Mapping[str, Any]) -> Self:
        size = type(self)(
            block=self.block,
            depths=settings.get("depths", self.depths),
            widths=settings.get("widths", self.widths),
        )
        if len(size.depths) != len(size.widths):
            raise SpecFault(
                "different_lengths",
                f"depths has {len(size.depths)} stages and widths {len(size.widths)}; they go together",
                case="stages",
                lengths={"depths": len(size.depths), "widths": len(size.widths)},
            )
        if size.block == "bottleneck" and any(width % 4 for width in size.widths):
            raise SpecFault(
                "not_multiple",
                "widths of a network with bottlenecks must be multiples of 4",
                case="bottlenecks",
                multiple=4,
            )
        return size

    @property
    def stem_width(self) -> int:
        """Channels of the first convolution."""
        return self.widths[0] // (4 if self.block == "bottleneck" else 1)

    @property
    def feature_width(self) -> int:
        return self.widths[-1]

    def map_side(self, inputs: Inputs) -> int:
        side = inputs.image_size
        return resnet_map_side(side, stages=len(self.depths), small_images=_has_small_stem(inputs))

    def parameters(self, inputs: Inputs) -> int:
        count = _convolution(inputs.channels, self.stem_width, 3 if _has_small_stem(inputs) else 7)
        before = self.stem_width
        for stage, (depth, width) in enumerate(zip(self.depths, self.widths, strict=True)):
            for number in range(depth):
                inner = width if self.block == "basic" else width // 4
                if self.block == "basic":
                    count += _convolution(before, inner, 3) + _convolution(inner, width, 3)
                else:
                    count += _convolution(before, inner, 1) + _convolution(inner, inner, 3)
                    count += _convolution(inner, width, 1)
                if before != width or (stage > 0 and number == 0):
                    count += _convolution(before, width, 1)
                before = width
        return count

    def activation_bytes(self, inputs: Inputs) -> int:
        """Two numbers per output of a convolution: the input of its norm, and the output of the norm and the ReLU."""
        return (
            inputs.samples
            * (4 if inputs.half else 8)
            * self._convolved(inputs.image_size, small=_has_small_stem(inputs))
        )

    def _convolved(self, side: int, *, small: bool) -> int:
        """Count of the convolutions' outputs for one image."""
        if small:
            count = side**2 * self.stem_width
        else:
            count = (side // 2) ** 2 * self.stem_width
            side //= 4
        inner = 1 if self.block == "basic" else 4
        for stage, (depth, width) in enumerate(zip(self.depths, self.widths, strict=True)):
            side = side if stage == 0 else -(-side // 2)
            a_block = 2 * width if self.block == "basic" else 2 * width // inner + width
            count += side**2 * (depth * a_block + (width if stage or self.block == "bottleneck" else 0))
        return count

    @property
    def block_count(self) -> int:
        return sum(self.depths)

    def block_maps(self, block: int) -> tuple[BlockMap, ...]:
        stage, number = self._place(block)
        width = self.widths[stage]
        before = width if number else (self.widths[stage - 1] if stage else self.stem_width)
        inner = width if self.block == "basic" else width // 4
        shapes = [(before, inner, 3), (inner, width, 3)]
        if self.block == "bottleneck":
            shapes = [(before, inner, 1), (inner, inner, 3), (inner, width, 1)]
        named = [(f"layer.{i}.convolution", shape) for i, shape in enumerate(shapes)]
        if before != width or (stage > 0 and number == 0):
            named.insert(0, ("shortcut.convolution", (before, width, 1)))
        return tuple(
            BlockMap(name=name, part="convolution", inputs=ins, outputs=outs, kernel=side, scaled="outputs")
            for name, (ins, outs, side) in named
        )

    def block_weights(self, block: int) -> int:
        return sum(_convolution(one.inputs, one.outputs, one.kernel) for one in self.block_maps(block))

    def _place(self, block: int) -> tuple[int, int]:
        """The stage of a block, and its number there."""
        for stage, depth in enumerate(self.depths):
            if block < depth:
                return stage, block
            block -= depth
        raise IndexError(f"the network has {self.block_count} blocks")


def _has_small_stem(inputs: Inputs) -> bool:
    """Whether the stem is that of small images, which networks of `transformers` do not have."""
    return is_small_image(inputs.image_size) and not inputs.published


def resnet_map_side(image_size: int, *, stages: int, small_images: bool) -> int:
    """Side of a ResNet's last map: halved by each stage after the first, and twice by the stem of large images."""
    side = image_size
    for _ in range(stages - 1 if small_images else stages + 1):
        side = -(-side // 2)
    return side


def _convolution(before: int, after: int, side: int) -> int:
    """Parameters of a convolution without bias and of the batch norm after it."""
    return before * after * side**2 + 2 * after
