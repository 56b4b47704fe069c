"""A multilayer perceptron on the pixels of small images."""

import itertools
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field

from core.spec.architectures.base import Inputs
from core.spec.architectures.blocks import BlockMap
from core.spec.architectures.image import ImageEncoderSize


class MlpSize(ImageEncoderSize):
    """Sizes of a perceptron without a head: linear layers, each followed by a ReLU.

    The first layer reads all pixels, so that its weights are for images of one size. For small images and few data, as in
    the comparisons of continual learning (van de Ven et al. 2022, doi 10.1038/s42256-022-00568-3).
    """

    architecture: ClassVar[str] = "mlp"
    settings: ClassVar[tuple[str, ...]] = ("widths",)

    widths: Annotated[tuple[Annotated[int, Field(ge=4, le=65536)], ...], Field(min_length=1, max_length=8)]
    """Outputs of each layer."""

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        return {"mlp-mini": cls(widths=(400, 400))}

    def changed(self, settings: Mapping[str, Any]) -> Self:
        return type(self)(widths=settings.get("widths", self.widths))

    @property
    def feature_width(self) -> int:
        return self.widths[-1]

    def map_side(self, inputs: Inputs) -> int:  # noqa: ARG002 - one vector for any image
        return 1

    def parameters(self, inputs: Inputs) -> int:
        sides = (inputs.channels * inputs.image_size**2, *self.widths)
        return sum((before + 1) * after for before, after in itertools.pairwise(sides))

    def activation_bytes(self, inputs: Inputs) -> int:
        """The inputs of each layer and the output of each ReLU."""
        numbers = inputs.channels * inputs.image_size**2 + 2 * sum(self.widths)
        return inputs.samples * (2 if inputs.half else 4) * numbers

    @property
    def block_count(self) -> int:
        return len(self.widths) - 1

    def block_maps(self, block: int) -> tuple[BlockMap, ...]:
        return (
            BlockMap(
                name="linear",
                part="linear",
                inputs=self.widths[block],
                outputs=self.widths[block + 1],
                scaled="outputs",
            ),
        )

    def block_weights(self, block: int) -> int:
        return (self.widths[block] + 1) * self.widths[block + 1]
