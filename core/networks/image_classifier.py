"""Image encoders with a classification head, as classes that ``pipeline("image-classification")`` opens."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from transformers import IJepaConfig, PreTrainedModel, ViTConfig
from transformers.models.ijepa.modeling_ijepa import IJepaForImageClassification
from transformers.models.resnet.modeling_resnet import ResNetForImageClassification
from transformers.models.vit.modeling_vit import ViTForImageClassification

from core.networks import image_perceptron, small_image_resnet_classifier
from core.networks.batch_norm import share_batch_norms
from core.networks.dropout import use_cheap_dropout
from core.networks.heads import name_classes
from core.networks.ijepa import ijepa_config
from core.networks.image_encoder import ImageEncoder
from core.networks.image_perceptron import ImagePerceptronConfig, ImagePerceptronForImageClassification
from core.networks.positions import sine_positions
from core.networks.resnet import resnet_config
from core.networks.settings import as_configured
from core.networks.small_image_resnet_classifier import (
    SmallImageResNetConfig,
    SmallImageResNetForImageClassification,
)
from core.networks.vit import vit_config
from core.randomness import derive_seed
from core.spec.architectures.image import is_small_image
from core.spec.architectures.mlp import MlpSize
from core.spec.job import JobSpec


def create_image_classifier(
    job: JobSpec, *, classes: Sequence[str], image_size: int, channels: int, class_token: bool
) -> PreTrainedModel:
    """A new ViT, ResNet or perceptron with a linear head on the CPU. Its weights depend only on the spec, its seed and the classes.

    Args:
        classes: Names of the classes, in the order of the logits.
        image_size: Side of the square images, in pixels.
        class_token: For a ViT: whether the head reads a class token, otherwise the mean of the patches.
    """
    config: Any
    if job.architecture == "resnet":
        small = is_small_image(image_size) and job.model.config is None
        config = resnet_config(job.resnet_size, channels=channels, small_images=small)
    elif isinstance(job.network_size, MlpSize):
        widths = job.network_size.widths
        config = ImagePerceptronConfig(
            hidden_sizes=widths, image_size=image_size, num_channels=channels, dtype="float32"
        )
    else:
        make = vit_config if class_token else ijepa_config
        config = make(
            job.size,
            dropout=job.dropout,
            image_size=image_size,
            patch_size=job.patch_size,
            channels=channels,
        )
    kind, config = _classifier(as_configured(job, config))
    name_classes(config, classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(job.training.seed, "initialisation"))
        model: PreTrainedModel = kind(config)
    if isinstance(model, IJepaForImageClassification):
        positions = model.ijepa.embeddings.position_embeddings
        positions.data.copy_(sine_positions(image_size // job.patch_size, job.size.hidden_size))
        positions.requires_grad_(False)
    if job.architecture == "resnet":
        share_batch_norms(model)
    elif isinstance(config, ViTConfig | IJepaConfig) and (
        config.hidden_dropout_prob or config.attention_probs_dropout_prob
    ):
        use_cheap_dropout(model)
    return model


def classifier_encoder(model: PreTrainedModel) -> ImageEncoder:
    """The encoder below the head; its features are what the head reads."""
    body: Any = model.base_model
    return ImageEncoder(body, "cls")


def _classifier(config: Any) -> tuple[Any, Any]:
    """The class of the network with a head, and its configuration."""
    if isinstance(config, ViTConfig | IJepaConfig):
        kind: Any = (
            IJepaForImageClassification if isinstance(config, IJepaConfig) else ViTForImageClassification
        )
    elif isinstance(config, ImagePerceptronConfig):
        kind = ImagePerceptronForImageClassification
        config.auto_map = _auto_map(image_perceptron, "ImagePerceptron")
    else:
        kind = ResNetForImageClassification
        if hasattr(config, "auto_map"):
            kind = SmallImageResNetForImageClassification
            config = SmallImageResNetConfig(**config.to_diff_dict())
            config.auto_map = _auto_map(small_image_resnet_classifier, "SmallImageResNet")
    config.architectures = [kind.__name__]
    return kind, config


def _auto_map(module: ModuleType, name: str) -> dict[str, str]:
    """Where `transformers` finds the classes of an own architecture: in the file that a checkpoint has beside the weights."""
    file = Path(str(module.__file__)).stem
    return {
        "AutoConfig": f"{file}.{name}Config",
        "AutoModel": f"{file}.{name}Model",
        "AutoModelForImageClassification": f"{file}.{name}ForImageClassification",
    }
