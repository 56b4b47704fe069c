"""``rotation``."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from core.spec.metrics import Direction
from core.spec.model import presets_of
from core.spec.task import Modality, TaskSpec


class RotationPrediction(TaskSpec):
    """Tell by how many quarter turns an image was rotated: RotNet (Gidaris et al. 2018, arXiv 1803.07728)."""

    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("resnet", "vit", default="resnet-mini")
    evaluations: ClassVar[Mapping[str, Direction]] = {"loss": "lower", "rotation_accuracy": "higher"}
    views: ClassVar[int] = 4

    kind: Literal["rotation"] = "rotation"
