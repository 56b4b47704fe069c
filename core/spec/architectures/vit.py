"""ViT (Dosovitskiy et al. 2020, arXiv 2010.11929)."""

from collections.abc import Mapping
from typing import ClassVar, Self

from core.spec.architectures.base import Inputs
from core.spec.architectures.blocks import BlockMap
from core.spec.architectures.image import ImageEncoderSize, is_small_image
from core.spec.architectures.transformer import Transformer, TransformerSize
from core.spec.faults import SpecFault

NO_CLASS_TOKEN = "a ViT without a class token"  # noqa: S105 - no password
"""What the weights of an encoder without a class token, as I-JEPA's, are made for, in `core.spec.start_rules`."""


class VitSize(Transformer, ImageEncoderSize):
    """Sizes of a vision transformer without a head: a class token, learned positions, a last norm."""

    architecture: ClassVar[str] = "vit"
    settings: ClassVar[tuple[str, ...]] = (*Transformer.settings, "patch_size")
    decided_settings: ClassVar[tuple[str, ...]] = ("image_size", "patch_size", "num_channels")

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        # Tiny and small are DeiT's (Touvron et al. 2020, arXiv 2012.12877), base is ViT's own; mini and micro are for
        # images of 32 pixels.
        return {
            "vit-micro": cls.of(4, 128, 4),
            "vit-mini": cls.of(6, 192, 3),
            "vit-tiny": cls.of(12, 192, 3),
            "vit-small": cls.of(12, 384, 6),
            "vit-base": cls.of(12, 768, 12),
        }

    def check(self, inputs: Inputs) -> None:
        if inputs.image_size % inputs.patch_size:
            raise SpecFault(
                "not_divisible",
                f"patches of {inputs.patch_size} pixels do not fill an image of {inputs.image_size} "
                "(data.image.size); set model.patch_size to a divisor of it",
                case="patches",
                image_size=inputs.image_size,
                patch_size=inputs.patch_size,
            )

    def map_side(self, inputs: Inputs) -> int:
        return inputs.image_size // inputs.patch_size

    def parameters(self, inputs: Inputs) -> int:
        hidden = self.hidden_size
        embeddings = (inputs.channels * inputs.patch_size**2 + 1) * hidden + hidden
        return (
            embeddings + self.position_parameters(inputs) + self.layers * self.block_parameters + 2 * hidden
        )

    def position_parameters(self, inputs: Inputs) -> int:
        """Parameters of the learned positions, including the class token's."""
        return (inputs.patches + 1) * self.hidden_size

    def activation_bytes(self, inputs: Inputs) -> int:
        return inputs.samples * image_block_bytes(self, inputs, inputs.patches + 1)

    def block_maps(self, block: int) -> tuple[BlockMap, ...]:  # noqa: ARG002 - all blocks are alike
        return self.vit_maps()

    @property
    def norm_weights(self) -> int:
        return 2 * self.hidden_size


def image_block_bytes(size: TransformerSize, inputs: Inputs, tokens: int) -> int:
    """Bytes of the saved activations of a transformer on ``tokens`` of one image, without dropout masks."""
    return size.block_bytes(tokens, *((16, 4) if inputs.half else (32, 8)))


def patch_size_for(image_size: int) -> int:
    """Pixels on a patch's side unless the spec sets it."""
    return 4 if is_small_image(image_size) else 16
