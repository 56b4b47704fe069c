"""``contrastive``."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.image import ImageEncoderSize
from core.spec.augmentation import AugmentationSpec
from core.spec.decoders import count_projection
from core.spec.metrics import LOSS, REPRESENTATION, Metric
from core.spec.model import presets_of
from core.spec.recipes import Recipe, image_recipes
from core.spec.task import Modality, TaskSpec


class ContrastiveLearning(TaskSpec):
    """Find the other view of the same image among those of all others: SimCLR (Chen et al. 2020, arXiv 2002.05709)."""

    title: ClassVar[str] = "Contrastive learning"
    choose_if: ClassVar[str] = (
        "Choose this if you want good features from images quickly and have memory for batches of some hundred: it is "
        "the first to try for classifying or searching images."
    )
    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("resnet", "vit", default="resnet-mini")
    metrics: ClassVar[tuple[Metric, ...]] = (
        LOSS,
        Metric(
            "contrastive_accuracy", "Contrastive accuracy", better="higher", unit="share", tile="Accuracy"
        ),
        *REPRESENTATION,
    )
    recipes: ClassVar[tuple[Recipe, ...]] = image_recipes(
        preset="resnet-mini",
        task={"temperature": 0.2},
        steps=300,
        batch=256,
        rate=0.002,
        large="resnet-50",
        large_task={"temperature": 0.1},
        large_batch=256,
        large_rate=0.001,
        large_steps=100_000,
    )
    """The large recipe's batch is one micro-batch, because negatives come from the micro-batch."""
    main_fields: ClassVar[tuple[str, ...]] = ("temperature",)
    views: ClassVar[int] = 2

    kind: Literal["contrastive"] = "contrastive"

    temperature: Annotated[float, Field(gt=0.0, le=10.0)] = 0.5
    """Divisor of the similarities (temperature). The paper's best for CIFAR (appendix B.9); 0.1 for ImageNet and
    large batches."""

    projection_size: Annotated[int, Field(ge=1, le=65536)] = 128
    """Dimensions of the projections by which views are compared."""

    projection_hidden_size: Annotated[int, Field(ge=1, le=65536)] | None = None
    """Width between the two layers of the projection head. Default: that of the encoder's features, as in the paper."""

    augmentation: AugmentationSpec | None = None
    """How views are made. Default: the paper's for images of this size."""

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, ImageEncoderSize)
        width = network.feature_width
        return count_projection(width, self.projection_hidden_size or width, self.projection_size)
