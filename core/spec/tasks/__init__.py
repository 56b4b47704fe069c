"""The pretraining tasks: a union discriminated by ``kind``; one file a task."""

from typing import Annotated

from pydantic import Field

from core.spec.tasks.base import MODALITIES, Modality, PretrainingTask
from core.spec.tasks.causal_lm import CausalLanguageModeling
from core.spec.tasks.colorization import Colorization
from core.spec.tasks.contrastive import ContrastiveLearning
from core.spec.tasks.denoising_autoencoder import DenoisingAutoencoder
from core.spec.tasks.gan import GenerativeAdversarialNetwork
from core.spec.tasks.masked_lm import MaskedLanguageModeling
from core.spec.tasks.self_distillation import SelfDistillation

__all__ = [
    "MODALITIES",
    "CausalLanguageModeling",
    "Colorization",
    "ContrastiveLearning",
    "DenoisingAutoencoder",
    "GenerativeAdversarialNetwork",
    "MaskedLanguageModeling",
    "Modality",
    "PretrainingTask",
    "SelfDistillation",
    "Task",
]

Task = Annotated[
    CausalLanguageModeling
    | Colorization
    | ContrastiveLearning
    | DenoisingAutoencoder
    | GenerativeAdversarialNetwork
    | MaskedLanguageModeling
    | SelfDistillation,
    Field(discriminator="kind"),
]
