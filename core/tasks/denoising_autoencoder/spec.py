"""``denoising_autoencoder``."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.image import ImageEncoderSize
from core.spec.decoders import count_autoencoder
from core.spec.metrics import LOSS, REPRESENTATION, Metric
from core.spec.model import presets_of
from core.spec.predictions import RECONSTRUCT_IMAGE, Prediction
from core.spec.recipes import Recipe, image_recipes
from core.spec.task import Modality, TaskSpec


class DenoisingAutoencoder(TaskSpec):
    """Reconstruct an image from a corrupted copy, through a small code: Vincent et al. 2008, 2010 (JMLR 11)."""

    title: ClassVar[str] = "Denoising autoencoder"
    choose_if: ClassVar[str] = (
        "Choose this if you want a short code from which the whole image can be rebuilt: to compress, to clean, to find "
        "what is unusual."
    )
    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("resnet", "vit", default="resnet-mini")
    metrics: ClassVar[tuple[Metric, ...]] = (
        LOSS,
        Metric("clean_loss", "Loss on clean images", better="lower"),
        Metric(
            "mean_colour_loss", "Loss of the mean colour", hint="What painting the mean colour would cost."
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
    main_fields: ClassVar[tuple[str, ...]] = ("noise",)
    predictions: ClassVar[tuple[Prediction, ...]] = (RECONSTRUCT_IMAGE,)

    kind: Literal["denoising_autoencoder"] = "denoising_autoencoder"

    noise: Literal["gaussian", "masking", "salt_and_pepper", "none"] = "gaussian"
    """How the input is corrupted. ``gaussian``: a normal number is added to each value. ``masking``: some pixels
    become the mean colour. ``salt_and_pepper``: some become black or white. ``none``: a plain autoencoder."""

    noise_level: Annotated[float, Field(ge=0.0, le=4.0)] = 0.25
    """For ``gaussian``: its standard deviation, in standard deviations of the data. For the others: the share of
    corrupted pixels, at most 1."""

    code_size: Annotated[int, Field(ge=1, le=65536)] = 128
    """Dimensions of the code (bottleneck)."""

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, ImageEncoderSize)
        return count_autoencoder(
            network.feature_width,
            network.map_side(inputs),
            code_size=self.code_size,
            side=inputs.image_size,
            channels=inputs.channels,
        )
