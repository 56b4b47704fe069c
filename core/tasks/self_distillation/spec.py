"""``self_distillation``."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.image import ImageEncoderSize
from core.spec.decoders import count_projection, count_prototype_head
from core.spec.metrics import LOSS, REPRESENTATION, Metric
from core.spec.model import presets_of
from core.spec.recipes import Recipe, image_recipes
from core.spec.task import Modality, TaskSpec


class SelfDistillation(TaskSpec):
    """Predict, from one view, a moving-average teacher's output for another view, without negatives.

    ``dino``: Caron et al. 2021 (arXiv 2104.14294). ``byol``: Grill et al. 2020 (arXiv 2006.07733).
    """

    title: ClassVar[str] = "Self-distillation"
    choose_if: ClassVar[str] = (
        "Choose this if features shall serve as they are, without fine-tuning, and batches must be small: it needs no "
        "negatives. BYOL for ResNets, DINO for vision transformers."
    )
    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("resnet", "vit", default="resnet-mini")
    metrics: ClassVar[tuple[Metric, ...]] = (
        LOSS,
        Metric("teacher_entropy", "Teacher entropy", ("train", "eval"), always=False),
        Metric("prototype_entropy", "Prototype entropy", ("train", "eval"), always=False),
        Metric(
            "target_spread",
            "Spread of targets",
            ("train", "eval"),
            hint="0: all samples have the same target, a collapse.",
            always=False,
        ),
        *REPRESENTATION,
    )
    recipes: ClassVar[tuple[Recipe, ...]] = image_recipes(
        preset="resnet-mini",
        task={"method": "byol", "momentum": 0.99},
        steps=400,
        batch=128,
        rate=0.002,
        large="vit-small",
        large_batch=256,
        large_rate=0.0005,
        large_steps=100_000,
        parts=4,
    )
    main_fields: ClassVar[tuple[str, ...]] = ("method",)
    views: ClassVar[int] = 2

    kind: Literal["self_distillation"] = "self_distillation"

    method: Literal["dino", "byol"] = "dino"
    """``dino``: shares of prototypes, with many small crops and a centre against collapse. ``byol``: a predictor
    predicts the other network's projection; two large crops, no centre."""

    momentum: Annotated[float, Field(ge=0.0, le=1.0)] = 0.996
    """Momentum of the teacher in the first step (share of its old value); it rises to 1 by a cosine over all steps."""

    head_hidden_size: Annotated[int, Field(ge=8, le=65536)] = 1024
    """Width of the heads' hidden layers. The papers: 2048 (DINO), 4096 (BYOL), for encoders ten times wider than the presets."""

    head_size: Annotated[int, Field(ge=2, le=65536)] = 256
    """Dimensions of DINO's bottleneck, or of BYOL's projection."""

    prototypes: Annotated[int, Field(ge=2, le=262_144)] = 4096
    """For ``dino``: outputs of the head (prototypes). The paper's 65,536 are for a million images and more."""

    local_crops: Annotated[int, Field(ge=0, le=32)] = 4
    """For ``dino``: number of small crops, seen only by the student, in addition to the two large ones. The paper:
    8; each costs about a fifth of a large one."""

    student_temperature: Annotated[float, Field(gt=0.0, le=10.0)] = 0.1
    """For ``dino``: temperature of the student's scores."""

    teacher_temperature: Annotated[float, Field(gt=0.0, le=10.0)] = 0.07
    """For ``dino``: temperature of the teacher's scores after the warm-up. Lower is sharper."""

    teacher_temperature_start: Annotated[float, Field(gt=0.0, le=10.0)] = 0.04
    """For ``dino``: temperature of the teacher's scores in the first step."""

    teacher_temperature_warmup: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """For ``dino``: share of the steps over which the teacher's temperature rises."""

    centre_momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """For ``dino``: momentum of the centre, the share of its old value that it keeps in a step."""

    frozen_prototypes: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    """For ``dino``: share of the steps, from the first, in which the head's last layer is not trained: in the paper
    the first of a hundred epochs."""

    def local_size(self, image_size: int, patch_size: int | None) -> int:
        """Side of a small crop in pixels: 96 of 224, in whole patches of a ViT."""
        unit = patch_size or 1
        return max(1, round(image_size * 96 / 224 / unit)) * unit

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, ImageEncoderSize)
        width, hidden, size = network.feature_width, self.head_hidden_size, self.head_size
        if self.method == "dino":
            return count_prototype_head(width, hidden, size, self.prototypes)
        return count_projection(width, hidden, size) + count_projection(size, hidden, size)
