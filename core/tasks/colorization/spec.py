"""``colorization``."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.architectures.base import Inputs, Size
from core.spec.architectures.image import ImageEncoderSize
from core.spec.decoders import count_decoder
from core.spec.metrics import LOSS, REPRESENTATION, Metric
from core.spec.model import presets_of
from core.spec.predictions import COLORIZE, Prediction
from core.spec.recipes import Recipe, image_recipes
from core.spec.task import Modality, TaskSpec

COLOUR_CLASSES = 261
"""Cells of the colour plane (`core.tasks.colorization.palette`)."""


class Colorization(TaskSpec):
    """Predict an image's colours from its lightness: Zhang et al. 2016 (arXiv 1603.08511)."""

    title: ClassVar[str] = "Colourisation"
    choose_if: ClassVar[str] = (
        "Choose this if colour shows what things are in your images, or if you want to colour grey ones."
    )
    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("resnet", "vit", default="resnet-mini")
    metrics: ClassVar[tuple[Metric, ...]] = (
        LOSS,
        Metric(
            "colour_error",
            "Colour error",
            better="lower",
            hint="Distance in the ab plane of CIELAB; lower is better.",
            tile="Colour error",
        ),
        Metric("grey_error", "Colour error of grey", hint="What leaving the image grey would cost."),
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
    needs_colour: ClassVar[bool] = True
    predictions: ClassVar[tuple[Prediction, ...]] = (COLORIZE,)

    kind: Literal["colorization"] = "colorization"

    target: Literal["classes", "regression"] = "classes"
    """``classes``: which of 261 cells of the colour plane, so that several colours can be likely at once.
    ``regression``: the mean colour, which is
    dull where several colours are likely."""

    uniform_share: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    """How evenly colours are weighted (lambda in the paper): towards 0 by the inverse of their frequency, at 1 all
    equally. For ``classes`` only."""

    temperature: Annotated[float, Field(gt=0.0, le=1.0)] = 0.38
    """Temperature of the annealed mean, which computes a colour from the classes' probabilities: 1 is the mean,
    towards 0 the likeliest colour. It affects pictures and ``eval/colour_error``, not the training."""

    statistics_images: Annotated[int, Field(ge=1, le=1_000_000)] = 5000
    """Number of training images, spread evenly, in which colours are counted once before the first step."""

    def parameters(self, network: Size, inputs: Inputs) -> int:
        lightness = replace(inputs, channels=1)
        return network.parameters(lightness) + self.head_parameters(network, lightness)

    def head_parameters(self, network: Size, inputs: Inputs) -> int:
        assert isinstance(network, ImageEncoderSize)
        outputs = COLOUR_CLASSES if self.target == "classes" else 2
        start = network.map_side(inputs)
        return count_decoder(network.feature_width, start, max(start, -(-inputs.image_size // 2)), outputs)

    def encoder_form(self, *, sequence_length: int, clip_samples: int) -> Mapping[str, object]:
        return {"data.image.channels": "1, lightness alone, as colorization has it"}
