"""``denoising_autoencoder``."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.metrics import Direction
from core.spec.model import presets_of
from core.spec.task import Modality, TaskSpec


class DenoisingAutoencoder(TaskSpec):
    """Rebuild an image from a damaged copy, through a short code: Vincent et al. 2008, 2010 (JMLR 11)."""

    modality: ClassVar[Modality] = "image"
    presets: ClassVar[tuple[str, ...]] = presets_of("resnet", "vit", default="resnet-mini")
    evaluations: ClassVar[Mapping[str, Direction]] = {"loss": "lower", "clean_loss": "lower"}

    kind: Literal["denoising_autoencoder"] = "denoising_autoencoder"

    noise: Literal["gaussian", "masking", "salt_and_pepper", "none"] = "gaussian"
    """How the input is damaged. ``gaussian``: a normal number is added to each value. ``masking``: some pixels become the
    mean colour. ``salt_and_pepper``: some become black or white. ``none``: a plain autoencoder."""

    noise_level: Annotated[float, Field(ge=0.0, le=4.0)] = 0.25
    """Of ``gaussian``: its deviation, in deviations of the data. Of the others: the share of damaged pixels, at most 1."""

    code_size: Annotated[int, Field(ge=1, le=65536)] = 128
    """Numbers in the code that all of the image must go through."""
