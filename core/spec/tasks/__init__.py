"""The pretraining tasks: a union discriminated by ``kind``; one file a task."""

from typing import Annotated

from pydantic import Field

from core.spec.tasks.base import MODALITIES, Modality, PretrainingTask
from core.spec.tasks.causal_lm import CausalLanguageModeling
from core.spec.tasks.masked_lm import FeatureReconstruction, MaskedLanguageModeling
from core.spec.tasks.text_denoising_autoencoder import TextDenoisingAutoencoder

__all__ = [
    "MODALITIES",
    "CausalLanguageModeling",
    "FeatureReconstruction",
    "MaskedLanguageModeling",
    "Modality",
    "PretrainingTask",
    "Task",
    "TextDenoisingAutoencoder",
]

Task = Annotated[
    CausalLanguageModeling | MaskedLanguageModeling | TextDenoisingAutoencoder,
    Field(discriminator="kind"),
]
