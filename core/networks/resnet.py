"""Residual convolutional networks (He et al. 2015, arXiv 1512.03385) from `transformers`."""

from typing import Any

import torch
from transformers import ResNetConfig
from transformers.models.resnet.modeling_resnet import ResNetModel

from core.networks.batch_norm import share_batch_norms
from core.networks.small_image_resnet import SmallImageResNetConfig, SmallImageResNetModel
from core.randomness import derive_seed
from core.spec.architectures.resnet import ResNetSize


def resnet_config(size: ResNetSize, *, channels: int, small_images: bool) -> ResNetConfig:
    """The configuration of ``transformers`` for a network of ``size``.

    Args:
        small_images: Use a stem that keeps the resolution (`core.networks.small_image_resnet`) instead of one that divides
            it by four.
    """
    sizes: dict[str, Any] = {
        "num_channels": channels,
        "embedding_size": size.stem_width,
        "hidden_sizes": list(size.widths),
        "depths": list(size.depths),
        "layer_type": size.block,
        "dtype": "float32",
    }
    if not small_images:
        return ResNetConfig(architectures=["ResNetModel"], **sizes)
    config = SmallImageResNetConfig(architectures=["SmallImageResNetModel"], **sizes)
    # `transformers` looks for the classes in the file that a checkpoint has beside the weights.
    config.auto_map = {
        "AutoConfig": "small_image_resnet.SmallImageResNetConfig",
        "AutoModel": "small_image_resnet.SmallImageResNetModel",
    }
    return config


def create_resnet(config: ResNetConfig, seed: int) -> ResNetModel:
    """A new network on the CPU. Its weights depend only on ``config`` and ``seed``."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        kind = SmallImageResNetModel if isinstance(config, SmallImageResNetConfig) else ResNetModel
        model: ResNetModel = kind(config)
    share_batch_norms(model)
    return model
