"""The pretraining tasks: a union discriminated by ``kind``; one file a task."""

from typing import Annotated

from pydantic import Field

from core.spec.tasks.base import MODALITIES, Modality, PretrainingTask
from core.spec.tasks.causal_lm import CausalLanguageModeling
from core.spec.tasks.colorization import Colorization
from core.spec.tasks.contrastive import ContrastiveLearning
from core.spec.tasks.denoising_autoencoder import DenoisingAutoencoder
from core.spec.tasks.gan import GenerativeAdversarialNetwork
from core.spec.tasks.joint_embedding_prediction import JointEmbeddingPrediction
from core.spec.tasks.masked_autoencoder import MaskedAutoencoding
from core.spec.tasks.masked_lm import FeatureReconstruction, MaskedLanguageModeling
from core.spec.tasks.masked_spectrogram import MaskedSpectrogram
from core.spec.tasks.rotation import RotationPrediction
from core.spec.tasks.self_distillation import SelfDistillation
from core.spec.tasks.text_denoising_autoencoder import TextDenoisingAutoencoder
from core.spec.tasks.wav2vec2 import Wav2Vec2

__all__ = [
    "MODALITIES",
    "CausalLanguageModeling",
    "Colorization",
    "ContrastiveLearning",
    "DenoisingAutoencoder",
    "FeatureReconstruction",
    "GenerativeAdversarialNetwork",
    "JointEmbeddingPrediction",
    "MaskedAutoencoding",
    "MaskedLanguageModeling",
    "MaskedSpectrogram",
    "Modality",
    "PretrainingTask",
    "RotationPrediction",
    "SelfDistillation",
    "Task",
    "TextDenoisingAutoencoder",
    "Wav2Vec2",
]

Task = Annotated[
    CausalLanguageModeling
    | Colorization
    | ContrastiveLearning
    | DenoisingAutoencoder
    | GenerativeAdversarialNetwork
    | JointEmbeddingPrediction
    | MaskedAutoencoding
    | MaskedLanguageModeling
    | MaskedSpectrogram
    | RotationPrediction
    | SelfDistillation
    | TextDenoisingAutoencoder
    | Wav2Vec2,
    Field(discriminator="kind"),
]
