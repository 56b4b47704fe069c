"""``rotation``."""

from typing import ClassVar, Literal

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.image import ImageEncoderSize
from core.spec.decoders import count_linear
from core.spec.metrics import LOSS, REPRESENTATION, Metric
from core.spec.model import presets_of
from core.spec.recipes import Recipe, image_recipes
from core.spec.task import Modality, TaskSpec


class RotationPrediction(TaskSpec):
    """Classify by how many quarter turns an image was rotated: RotNet (Gidaris et al. 2018, arXiv 1803.07728)."""

    title: ClassVar[str] = "Rotation prediction"
    choose_if: ClassVar[str] = (
        "Choose this if you want a simple baseline on images that have an upright position; it learns nothing where "
        "any turn looks right, as from above or through a microscope."
    )
    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("resnet", "vit", default="resnet-mini")
    metrics: ClassVar[tuple[Metric, ...]] = (
        LOSS,
        Metric(
            "rotation_accuracy",
            "Rotation accuracy",
            ("train", "eval"),
            better="higher",
            unit="share",
            tile="Accuracy",
        ),
        *REPRESENTATION,
    )
    recipes: ClassVar[tuple[Recipe, ...]] = image_recipes(
        preset="resnet-mini",
        steps=600,
        batch=64,
        rate=0.002,
        large="resnet-18",
        large_batch=128,
        large_rate=0.001,
        large_steps=50_000,
    )
    views: ClassVar[int] = 4

    kind: Literal["rotation"] = "rotation"

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, ImageEncoderSize)
        return count_linear(network.feature_width, self.views)
