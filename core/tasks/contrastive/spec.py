"""``contrastive``."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.augmentation import AugmentationSpec
from core.spec.metrics import Direction
from core.spec.model import presets_of
from core.spec.task import Modality, TaskSpec


class ContrastiveLearning(TaskSpec):
    """Find the other view of the same image among those of all others: SimCLR (Chen et al. 2020, arXiv 2002.05709)."""

    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("resnet", "vit", default="resnet-mini")
    evaluations: ClassVar[Mapping[str, Direction]] = {"loss": "lower", "contrastive_accuracy": "higher"}
    views: ClassVar[int] = 2

    kind: Literal["contrastive"] = "contrastive"

    temperature: Annotated[float, Field(gt=0.0, le=10.0)] = 0.5
    """What similarities are divided by. The paper's best for CIFAR (appendix B.9); 0.1 for ImageNet and large batches."""

    projection_size: Annotated[int, Field(ge=1, le=65536)] = 128
    """Numbers that views are compared by."""

    projection_hidden_size: Annotated[int, Field(ge=1, le=65536)] | None = None
    """Width between the two layers of the projection head. Default: that of the encoder's features, as in the paper."""

    augmentation: AugmentationSpec | None = None
    """How views are made. Default: the paper's for images of this size."""
