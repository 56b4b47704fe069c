"""``image_classification``."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.image import ImageEncoderSize
from core.spec.architectures.vit import NO_CLASS_TOKEN, VitSize
from core.spec.augmentation import AugmentationSpec
from core.spec.decoders import count_linear
from core.spec.faults import SpecFault
from core.spec.metrics import CLASSIFICATION, LOSS, Metric
from core.spec.model import presets_of
from core.spec.opening import IMAGE_CLASSIFICATION, Opening
from core.spec.recipes import Recipe
from core.spec.supervised import ClassifyingTask, fine_tuning_recipes
from core.spec.task import Modality


class ImageClassification(ClassifyingTask):
    """Assign one class to each image, from a pretrained encoder or from fresh weights."""

    title: ClassVar[str] = "Image classification"
    choose_if: ClassVar[str] = (
        "Choose this if your images have classes, by folder or by column, and a model shall tell them: fine-tune the "
        "encoder of a checkpoint (start), or train from nothing to compare."
    )
    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("resnet", "vit", "mlp", default="resnet-mini")
    metrics: ClassVar[tuple[Metric, ...]] = (LOSS, *CLASSIFICATION)
    recipes: ClassVar[tuple[Recipe, ...]] = fine_tuning_recipes(
        batch=32,
        steps=200,
        rate=0.001,
        added_rate=0.003,
        large_batch=256,
        large_steps=10_000,
        large_rate=0.0005,
    )
    main_fields: ClassVar[tuple[str, ...]] = ("label_smoothing", "mixup")
    opening: ClassVar[Opening] = IMAGE_CLASSIFICATION

    continues: ClassVar[tuple[str, ...]] = ("vit", "resnet")

    kind: Literal["image_classification"] = "image_classification"

    class_token: bool = True
    """For a ViT: whether it has a class token, which the head reads. False: the head reads the mean of the patches, as
    of I-JEPA's encoder. Default: as in the checkpoint that the job starts from, else true."""

    augmentation: AugmentationSpec | None = None
    """Random changes of the training images. Default: crops of at least 60 % of an image's area, and horizontal
    flips."""

    mixup: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    """Mix each training image and its target with another one's (Zhang et al. 2017, arXiv 1710.09412): its share is
    drawn from a beta distribution with both parameters equal to this. 0: no mixing."""

    def hands_over(self, network: Size, *, sequence_length: int) -> Mapping[str, object]:
        return {"class_token": self.class_token}

    def encoder_form(self, *, sequence_length: int, clip_samples: int) -> Mapping[str, object]:
        return {} if self.class_token else {"task.kind": NO_CLASS_TOKEN}

    def check(self, encoder: Size, patches: int) -> None:
        if self.class_token:
            return
        if encoder.architecture != VitSize.architecture:
            raise SpecFault(
                "setting_not_of_architecture",
                f"task.class_token is for a ViT, and this is a {encoder.architecture}; leave it out",
                case="class_token",
                architecture=encoder.architecture,
            )
        assert isinstance(encoder, VitSize)
        if encoder.hidden_size % 4:
            raise SpecFault(
                "not_multiple",
                f"hidden_size ({encoder.hidden_size}) must be a multiple of 4 for fixed positions",
                case="positions",
                value=encoder.hidden_size,
                multiple=4,
            )

    def parameters(self, network: Size, inputs: Inputs) -> int:
        count = super().parameters(network, inputs)
        if isinstance(network, VitSize) and not self.class_token:
            # Positions are fixed, and there is no class token.
            count -= network.position_parameters(inputs) + network.hidden_size
        return count

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, ImageEncoderSize)
        return count_linear(network.feature_width, inputs.classes)
