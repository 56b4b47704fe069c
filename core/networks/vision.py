"""Image encoders, with one interface for all architectures: create, compute features; and their preprocessor."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.ijepa.modeling_ijepa import IJepaModel
from transformers.models.resnet.modeling_resnet import ResNetModel

from core.checkpoints.bundle import write_json
from core.networks.image_perceptron import ImagePerceptronModel
from core.networks.resnet import create_resnet, resnet_config
from core.networks.settings import as_configured
from core.networks.vit import create_vit, vit_config
from core.spec.architectures.image import is_small_image
from core.spec.job import JobSpec

Pooling = Literal["mean", "cls"]
"""How a ViT's tokens are pooled to one vector: the mean over the patches, or the class token."""


def create_encoder(job: JobSpec, *, image_size: int, channels: int) -> PreTrainedModel:
    """A new ViT or ResNet on the CPU. Its weights depend only on the spec and its seed.

    Args:
        image_size: Side of the square images, in pixels.
        channels: Number of channels.
    """
    seed = job.training.seed
    if job.architecture == "resnet":
        small = is_small_image(image_size) and job.model.config is None
        resnet = resnet_config(job.resnet_size, channels=channels, small_images=small)
        return create_resnet(as_configured(job, resnet), seed)
    config = vit_config(
        job.size,
        dropout=job.dropout,
        image_size=image_size,
        patch_size=job.patch_size,
        channels=channels,
    )
    return create_vit(as_configured(job, config), seed)


def feature_width(model: PreTrainedModel) -> int:
    """Dimension of an image's features."""
    config = model.config
    return int(
        config.hidden_sizes[-1]
        if isinstance(model, ResNetModel | ImagePerceptronModel)
        else config.hidden_size
    )


def features(model: PreTrainedModel, pixels: Tensor, pooling: Pooling = "mean") -> Tensor:
    """One feature vector for each image.

    Args:
        pixels: Normalised, shape (B, C, H, W).
        pooling: For a ViT. For a ResNet it is always the mean over its last map, for an I-JEPA over its patches; a
            perceptron has one vector only.

    Returns:
        Shape (B, D), D by `feature_width`.
    """
    output = model(pixel_values=pixels)
    if isinstance(model, ResNetModel):
        pooled: Tensor = output.pooler_output.flatten(1)
        return pooled
    tokens: Tensor = output.last_hidden_state
    if isinstance(model, IJepaModel | ImagePerceptronModel):
        return tokens.mean(dim=1)
    return tokens[:, 1:].mean(dim=1) if pooling == "mean" else tokens[:, 0]


def save_preprocessor(
    directory: Path, *, image_size: int, mean: Sequence[float], std: Sequence[float]
) -> None:
    """Write how an image is converted to the network's input, for ``AutoImageProcessor``.

    Args:
        mean: Mean of each channel, of pixels in 0 … 1.
        std: Standard deviation of each channel, likewise.
    """
    document = {
        "image_processor_type": "ViTImageProcessor",
        "do_convert_rgb": len(mean) == 3,
        "do_resize": True,
        "size": {"height": image_size, "width": image_size},
        "resample": 2,  # bilinear, in Pillow's numbering
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(mean),
        "image_std": list(std),
    }
    write_json(directory / "preprocessor_config.json", document)
