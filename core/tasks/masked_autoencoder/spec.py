"""``masked_autoencoder``."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.transformer import TransformerSize
from core.spec.architectures.vit import VitSize, image_block_bytes
from core.spec.decoders import count_linear
from core.spec.faults import SpecFault
from core.spec.metrics import LOSS, REPRESENTATION, Metric
from core.spec.model import presets_of
from core.spec.predictions import RECONSTRUCT_IMAGE, Prediction
from core.spec.recipes import Recipe, image_recipes
from core.spec.task import Modality, TaskSpec


class MaskedAutoencoding(TaskSpec):
    """Predict the pixels of an image's removed patches: MAE (He et al. 2021, arXiv 2111.06377)."""

    title: ClassVar[str] = "Masked autoencoder"
    choose_if: ClassVar[str] = (
        "Choose this if you will fine-tune a vision transformer on labels and have many images: it is cheap, since the "
        "encoder sees a quarter of each image."
    )
    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("vit", default="vit-mini")
    metrics: ClassVar[tuple[Metric, ...]] = (LOSS, *REPRESENTATION)
    recipes: ClassVar[tuple[Recipe, ...]] = image_recipes(
        preset="vit-micro",
        task={"decoder_layers": 2},
        steps=600,
        batch=128,
        rate=0.0015,
        large="vit-base",
        large_batch=1024,
        large_rate=0.0006,
        large_steps=100_000,
        parts=8,
    )
    main_fields: ClassVar[tuple[str, ...]] = ("mask_ratio",)
    predictions: ClassVar[tuple[Prediction, ...]] = (RECONSTRUCT_IMAGE,)
    weight_fields: ClassVar[tuple[str, ...]] = (
        "decoder_layers",
        "decoder_hidden_size",
        "decoder_heads",
        "decoder_intermediate_size",
        "normalize_patches",
    )
    continues: ClassVar[tuple[str, ...]] = ("vit_mae",)

    kind: Literal["masked_autoencoder"] = "masked_autoencoder"

    mask_ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.75
    """Share of the patches that are hidden from the encoder. Default: the paper's."""

    normalize_patches: bool = True
    """Predict each patch's pixels after subtracting its own mean and dividing by its own standard deviation, which
    gives better features in the paper (table 1d); ``false``: the pixels as they are, which gives pictures that look
    better."""

    decoder_layers: Annotated[int, Field(ge=1, le=200)] = 4
    """Transformer blocks of the decoder, which is discarded after pretraining. The paper: 8 for ViT-Large, and
    1 is enough where the encoder will be fine-tuned."""

    decoder_hidden_size: Annotated[int, Field(ge=8, le=65536)] | None = None
    """Width of the decoder; a multiple of 4 and of the encoder's ``heads``. Default: half the encoder's, rounded up to that."""

    decoder_heads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Attention heads of the decoder; they must divide its width. Default: the encoder's ``heads``."""

    decoder_intermediate_size: Annotated[int, Field(ge=8, le=1_048_576)] | None = None
    """Width of the decoder's feed-forward layers. Default: four times the decoder's width."""

    random_crop: bool = True
    """Random resized crops (a fifth of the image to all of it) and flips in training, as in the paper; ``false``: the
    images as they are."""

    def decoder_size(self, encoder: TransformerSize) -> TransformerSize:
        """The decoder's sizes, by default with as many heads as ``encoder`` has.

        Raises:
            ValueError: for a width that its heads or its positions do not divide.
        """
        heads = self.decoder_heads or encoder.heads
        size = encoder.model_copy(update={"heads": heads}).narrowed(
            self.decoder_layers, self.decoder_hidden_size, "decoder_hidden_size"
        )
        inner = self.decoder_intermediate_size or size.intermediate_size
        return TransformerSize(
            layers=size.layers, hidden_size=size.hidden_size, heads=heads, intermediate_size=inner
        )

    def check(self, encoder: Size, patches: int) -> None:
        assert isinstance(encoder, VitSize)
        self.decoder_size(encoder)
        self.kept_patches(patches)
        if encoder.hidden_size % 4:
            raise SpecFault(
                "not_multiple",
                f"hidden_size ({encoder.hidden_size}) must be a multiple of 4 for fixed positions",
                case="positions",
                value=encoder.hidden_size,
                multiple=4,
            )

    def kept_patches(self, patches: int) -> int:
        """Number of an image's ``patches`` that are visible to the encoder.

        Raises:
            ValueError: no patch would be visible, or none masked.
        """
        kept = int(patches * (1 - self.mask_ratio))
        if not 0 < kept < patches:
            raise SpecFault(
                "too_few_patches",
                f"mask_ratio {self.mask_ratio:g} leaves {kept} of {patches} patches to see; lower it or model.patch_size",
                case="masked",
                mask_ratio=self.mask_ratio,
                kept=kept,
                patches=patches,
            )
        return kept

    def parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, VitSize)
        # The positions of encoder and decoder are fixed.
        return super().parameters(network, inputs) - network.position_parameters(inputs)

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, VitSize)
        decoder = self.decoder_size(network)
        width, pixels = decoder.hidden_size, inputs.channels * inputs.patch_size**2
        ends = count_linear(network.hidden_size, width) + count_linear(width, pixels)
        mask_token, norm = width, 2 * width
        return ends + mask_token + norm + decoder.layers * decoder.block_parameters

    def activation_bytes(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, VitSize)
        seen = self.kept_patches(inputs.patches) + 1
        encoder = image_block_bytes(network, inputs, seen)
        decoder = image_block_bytes(self.decoder_size(network), inputs, inputs.patches + 1)
        return inputs.samples * (encoder + decoder)
