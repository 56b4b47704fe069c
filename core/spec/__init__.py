"""What a job is: a closed, versioned Pydantic schema that imports no torch.

Every other room validates jobs with it; the dashboard's form, the OpenAPI document and the
docs are drawn from the same schema.
"""

from core.spec.job import JobSpec
from core.spec.model import PRESETS, Architecture, ModelSpec, ResNetSize, Size, TransformerSize
from core.spec.optimizers import Adafactor, AdamW, Muon, Optimizer
from core.spec.problems import SpecError, SpecProblem, explain, load, validate
from core.spec.resources import ResourcesSpec
from core.spec.schedule import Schedule
from core.spec.tasks import (
    MODALITIES,
    CausalLanguageModeling,
    FeatureReconstruction,
    JointEmbeddingPrediction,
    MaskedAutoencoding,
    MaskedLanguageModeling,
    Modality,
    RotationPrediction,
    Task,
    TextDenoisingAutoencoder,
)
from core.spec.training import CheckpointRetention, TrainingSpec

__all__ = [
    "MODALITIES",
    "PRESETS",
    "Adafactor",
    "AdamW",
    "Architecture",
    "CausalLanguageModeling",
    "CheckpointRetention",
    "FeatureReconstruction",
    "JobSpec",
    "JointEmbeddingPrediction",
    "MaskedAutoencoding",
    "MaskedLanguageModeling",
    "Modality",
    "ModelSpec",
    "Muon",
    "Optimizer",
    "ResNetSize",
    "ResourcesSpec",
    "RotationPrediction",
    "Schedule",
    "Size",
    "SpecError",
    "SpecProblem",
    "Task",
    "TextDenoisingAutoencoder",
    "TrainingSpec",
    "TransformerSize",
    "explain",
    "load",
    "validate",
]
