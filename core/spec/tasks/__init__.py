"""The pretraining tasks: a union discriminated by ``kind``; one file a task."""

from typing import Annotated

from pydantic import Field

from core.spec.tasks.base import MODALITIES, Modality, PretrainingTask
from core.spec.tasks.causal_lm import CausalLanguageModeling
from core.spec.tasks.joint_embedding_prediction import JointEmbeddingPrediction
from core.spec.tasks.masked_autoencoder import MaskedAutoencoding
from core.spec.tasks.masked_lm import FeatureReconstruction, MaskedLanguageModeling
from core.spec.tasks.rotation import RotationPrediction
from core.spec.tasks.text_denoising_autoencoder import TextDenoisingAutoencoder

__all__ = [
    "MODALITIES",
    "CausalLanguageModeling",
    "FeatureReconstruction",
    "JointEmbeddingPrediction",
    "MaskedAutoencoding",
    "MaskedLanguageModeling",
    "Modality",
    "PretrainingTask",
    "RotationPrediction",
    "Task",
    "TextDenoisingAutoencoder",
]

Task = Annotated[
    CausalLanguageModeling
    | JointEmbeddingPrediction
    | MaskedAutoencoding
    | MaskedLanguageModeling
    | RotationPrediction
    | TextDenoisingAutoencoder,
    Field(discriminator="kind"),
]
