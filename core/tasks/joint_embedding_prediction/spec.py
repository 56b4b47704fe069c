"""``joint_embedding_prediction``."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.transformer import TransformerSize
from core.spec.architectures.vit import NO_CLASS_TOKEN, VitSize, image_block_bytes
from core.spec.decoders import count_linear
from core.spec.faults import SpecFault
from core.spec.metrics import LOSS, REPRESENTATION, Metric
from core.spec.model import presets_of
from core.spec.recipes import Recipe, image_recipes
from core.spec.task import Modality, TaskSpec

Interval = tuple[
    Annotated[float, Field(gt=0.0, le=10.0)],
    Annotated[float, Field(gt=0.0, le=10.0)],
]


class JointEmbeddingPrediction(TaskSpec):
    """Predict a moving-average network's features of hidden blocks: I-JEPA (Assran et al. 2023, arXiv 2301.08243)."""

    title: ClassVar[str] = "Joint-embedding prediction"
    choose_if: ClassVar[str] = (
        "Choose this if you want a vision transformer whose features tell what an image shows, without augmentations "
        "made by hand: for images that crops and colour changes would spoil."
    )
    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("vit", default="vit-mini")
    metrics: ClassVar[tuple[Metric, ...]] = (LOSS, *REPRESENTATION)
    recipes: ClassVar[tuple[Recipe, ...]] = image_recipes(
        preset="vit-micro",
        task={"predictor_layers": 3, "momentum": 0.99},
        steps=600,
        batch=64,
        rate=0.001,
        large="vit-base",
        large_batch=1024,
        large_rate=0.001,
        large_steps=100_000,
        parts=8,
    )

    kind: Literal["joint_embedding_prediction"] = "joint_embedding_prediction"

    target_blocks: Annotated[int, Field(ge=1, le=16)] = 4
    """Blocks to predict, of each image. Default: the paper's, as all below."""

    target_scale: Interval = (0.15, 0.2)
    """Smallest and largest share of the image that a target block covers, before it is rounded to whole patches."""

    target_aspect_ratio: Interval = (0.75, 1.5)
    """Smallest and largest height of a target block over its width."""

    context_scale: Interval = (0.85, 1.0)
    """Smallest and largest share of the image that the context covers, before the target blocks are taken out of it."""

    momentum: Annotated[float, Field(ge=0.0, le=1.0)] = 0.996
    """Momentum of the moving average at the first step (share of its old value); it grows linearly to 1 at the last."""

    predictor_layers: Annotated[int, Field(ge=1, le=200)] = 6
    """Transformer blocks of the predictor, which is discarded after pretraining. The paper: 6 for ViT-Base, 12 for
    larger ones."""

    predictor_hidden_size: Annotated[int, Field(ge=8, le=65536)] | None = None
    """Width of the predictor; a multiple of 4 and of the encoder's ``heads``. Default: half the encoder's, rounded up to
    that (the paper: 384 for 768)."""

    random_crop: bool = True
    """Random resized crops (three tenths of the image to all of it) in training, as in the paper; ``false``: the images
    as they are."""

    @model_validator(mode="after")
    def _intervals(self) -> Self:
        for name in ("target_scale", "target_aspect_ratio", "context_scale"):
            low, high = getattr(self, name)
            if low > high:
                raise SpecFault(
                    "range_reversed",
                    f"{name} must go from the smaller to the larger, not from {low:g} to {high:g}",
                    case="pair",
                    name=name,
                    least_value=low,
                    most_value=high,
                )
            if name != "target_aspect_ratio" and high > 1:
                raise SpecFault(
                    "share_above_one", f"{name} is a share of the image, so at most 1", name=name, value=high
                )
        return self

    def encoder_form(self, *, sequence_length: int, clip_samples: int) -> Mapping[str, object]:
        return {"task.kind": NO_CLASS_TOKEN}

    def hands_over(self, network: Size, *, sequence_length: int) -> Mapping[str, object]:
        return {"class_token": False}

    def check(self, encoder: Size, patches: int) -> None:
        assert isinstance(encoder, VitSize)
        self.predictor_size(encoder)
        if encoder.hidden_size % 4:
            raise SpecFault(
                "not_multiple",
                f"hidden_size ({encoder.hidden_size}) must be a multiple of 4 for fixed positions",
                case="positions",
                value=encoder.hidden_size,
                multiple=4,
            )
        if patches < 16:
            raise SpecFault(
                "too_few_patches",
                f"{patches} patches are too few for blocks; make data.image.size at least 4 patches",
                patches=patches,
                least_patches=16,
            )

    def predictor_size(self, encoder: TransformerSize) -> TransformerSize:
        """The predictor's sizes, with as many heads as ``encoder`` has.

        Raises:
            ValueError: for a width that its heads or its positions do not divide.
        """
        return encoder.narrowed(self.predictor_layers, self.predictor_hidden_size, "predictor_hidden_size")

    def parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, VitSize)
        # Positions are fixed, and there is no class token.
        absent = network.position_parameters(inputs) + network.hidden_size
        return super().parameters(network, inputs) - absent

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, VitSize)
        predictor = self.predictor_size(network)
        width = predictor.hidden_size
        ends = count_linear(network.hidden_size, width) + count_linear(width, network.hidden_size)
        mask_token, norm = width, 2 * width
        return ends + mask_token + norm + predictor.layers * predictor.block_parameters

    def activation_bytes(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, VitSize)
        patches, share = inputs.patches, sum(self.target_scale) / 2
        # Blocks overlap: each one covers its share of the patches that the earlier ones have not covered.
        context = int(patches * sum(self.context_scale) / 2 * max(0.0, 1 - share) ** self.target_blocks)
        predicted = self.target_blocks * (context + int(patches * share))
        encoder = image_block_bytes(network, inputs, context)
        predictor = image_block_bytes(self.predictor_size(network), inputs, predicted)
        return inputs.samples * (encoder + predictor)
