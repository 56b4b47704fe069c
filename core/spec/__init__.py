"""What a job is: a closed, versioned Pydantic schema that imports no torch.

Every other room validates jobs with it; the dashboard's form, the OpenAPI document and the
docs are drawn from the same schema.
"""

from core.spec.audio import AudioAugmentation, AudioDataSpec
from core.spec.gan_sizes import GanSize
from core.spec.job import JobSpec
from core.spec.metrics import higher_is_better
from core.spec.model import PRESETS, Architecture, ModelSpec, ResNetSize, Size, TransformerSize
from core.spec.optimizers import Adafactor, AdamW, Muon, Optimizer
from core.spec.prepared import prepared_key
from core.spec.problems import MOST_PROBLEMS, SpecError, SpecProblem, explain, load, shorten, validate
from core.spec.resources import ResourcesSpec
from core.spec.retention import best_step, kept_steps
from core.spec.schedule import Schedule
from core.spec.tasks import (
    MODALITIES,
    CausalLanguageModeling,
    Colorization,
    ContrastiveLearning,
    DenoisingAutoencoder,
    FeatureReconstruction,
    GenerativeAdversarialNetwork,
    JointEmbeddingPrediction,
    MaskedAutoencoding,
    MaskedLanguageModeling,
    MaskedSpectrogram,
    Modality,
    RotationPrediction,
    SelfDistillation,
    Task,
    TextDenoisingAutoencoder,
    Wav2Vec2,
)
from core.spec.training import CheckpointRetention, TrainingSpec

__all__ = [
    "MODALITIES",
    "MOST_PROBLEMS",
    "PRESETS",
    "Adafactor",
    "AdamW",
    "Architecture",
    "AudioAugmentation",
    "AudioDataSpec",
    "CausalLanguageModeling",
    "CheckpointRetention",
    "Colorization",
    "ContrastiveLearning",
    "DenoisingAutoencoder",
    "FeatureReconstruction",
    "GanSize",
    "GenerativeAdversarialNetwork",
    "JobSpec",
    "JointEmbeddingPrediction",
    "MaskedAutoencoding",
    "MaskedLanguageModeling",
    "MaskedSpectrogram",
    "Modality",
    "ModelSpec",
    "Muon",
    "Optimizer",
    "ResNetSize",
    "ResourcesSpec",
    "RotationPrediction",
    "Schedule",
    "SelfDistillation",
    "Size",
    "SpecError",
    "SpecProblem",
    "Task",
    "TextDenoisingAutoencoder",
    "TrainingSpec",
    "TransformerSize",
    "Wav2Vec2",
    "best_step",
    "explain",
    "higher_is_better",
    "kept_steps",
    "load",
    "prepared_key",
    "shorten",
    "validate",
]
