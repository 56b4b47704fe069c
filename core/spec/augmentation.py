"""Settings for image augmentation: how a view of an image is made."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from core.spec.base import Spec
from core.spec.faults import SpecFault

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Strength = Annotated[float, Field(ge=0.0, le=1.0)]


class AugmentationSpec(Spec):
    """One kind of view, in the order in which it is made: rotation, crop, flip, colour, greyscale, blur, solarise.

    The defaults are SimCLR's for 32 by 32 pixels (Chen et al. 2020, arXiv 2002.05709, appendix B.9); `simclr` gives
    those of any size.
    """

    crop_min_area: Annotated[float, Field(gt=0.0, le=1.0)] = 0.08
    """Smallest share of the image's area that a random crop takes. 1 with ``crop_max_area`` 1: no crop."""
    crop_max_area: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Largest share of the image's area that a random crop takes."""
    crop_max_ratio: Annotated[float, Field(ge=1.0, le=4.0)] = 4 / 3
    """A crop's width over its height lies between 1 / this value and this value, log-uniformly distributed."""

    flip_probability: Probability = 0.5
    """Probability of a horizontal flip (left to right)."""
    quarter_turns: bool = False
    """Rotate by 0, 90, 180 or 270 degrees, each with equal probability: for pictures without an upright position."""
    rotation_degrees: Annotated[float, Field(ge=0.0, le=45.0)] = 0.0
    """Rotate by an angle (degrees) between minus this and this; pixels from outside the image mirror the edge."""

    jitter_probability: Probability = 0.8
    """Probability of colour jitter, by the four strengths below, in their order."""
    brightness: Strength = 0.4
    """Factor between 1 minus and 1 plus this on all values."""
    contrast: Strength = 0.4
    """Factor between 1 minus and 1 plus this on the distance from the image's mean grey."""
    saturation: Strength = 0.4
    """Factor between 1 minus and 1 plus this on the distance from each pixel's grey. No effect on grey images."""
    hue: Annotated[float, Field(ge=0.0, le=0.5)] = 0.1
    """Shift of the hue between minus and plus this, in turns of the colour wheel. No effect on grey images."""
    grayscale_probability: Probability = 0.2
    """Probability of conversion to greyscale."""

    blur_probability: Probability = 0.0
    """Probability of a Gaussian blur with a standard deviation between the two below."""
    blur_min_sigma: Annotated[float, Field(gt=0.0, le=16.0)] = 0.1
    """Least standard deviation of the blur, in pixels of the view."""
    blur_max_sigma: Annotated[float, Field(gt=0.0, le=16.0)] = 2.0
    """Largest standard deviation of the blur, in pixels of the view. The kernel spans a tenth of the view,
    as SimCLR's."""

    solarize_probability: Probability = 0.0
    """Probability that values of ``solarize_threshold`` and above are inverted."""
    solarize_threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    """Threshold on values in 0 … 1."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.crop_min_area > self.crop_max_area:
            raise SpecFault(
                "range_reversed",
                "crop_min_area must be at most crop_max_area",
                case="crop_area",
                least="crop_min_area",
                most="crop_max_area",
            )
        if self.blur_min_sigma > self.blur_max_sigma:
            raise SpecFault(
                "range_reversed",
                "blur_min_sigma must be at most blur_max_sigma",
                case="blur_sigma",
                least="blur_min_sigma",
                most="blur_max_sigma",
            )
        return self


def simclr(size: int) -> AugmentationSpec:
    """SimCLR's views for images of ``size`` pixels: of CIFAR up to 64, else of ImageNet (appendix A and B.9)."""
    if size <= 64:
        return AugmentationSpec()
    return AugmentationSpec(brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2, blur_probability=0.5)


def dino(size: int) -> tuple[AugmentationSpec, AugmentationSpec, AugmentationSpec]:
    """DINO's (Caron et al. 2021, arXiv 2104.14294): the first global view, the second, and the local ones.

    Below 65 pixels local crops begin at a tenth of the area (the paper's 0.05 of 32 by 32 would be 7 pixels wide), and
    nothing is blurred, as in SimCLR's for such images.
    """
    small = size <= 64
    shared = AugmentationSpec(saturation=0.2, hue=0.1, crop_min_area=0.4)
    first = shared.model_copy(update={"blur_probability": 0.0 if small else 1.0})
    second = shared.model_copy(
        update={"blur_probability": 0.0 if small else 0.1, "solarize_probability": 0.2}
    )
    local = shared.model_copy(
        update={
            "crop_min_area": 0.1 if small else 0.05,
            "crop_max_area": 0.4,
            "blur_probability": 0.0 if small else 0.5,
        }
    )
    return first, second, local
