"""A ResNet with the stem of small images and a classification head, for ``AutoModelForImageClassification``.

The stem is one 3x3 convolution of stride 1 without pooling (He et al. 2015, arXiv 1512.03385, section 4.2).
`transformers` has no class for it. Each checkpoint contains this file, which needs only ``torch`` and ``transformers``:
``AutoModelForImageClassification.from_pretrained(folder, trust_remote_code=True)`` runs it.
"""

from typing import Any

from torch import nn
from transformers import ResNetConfig
from transformers.models.resnet.modeling_resnet import ResNetForImageClassification, ResNetModel


class SmallImageResNetConfig(ResNetConfig):  # type: ignore[no-untyped-call]
    """A `ResNetConfig` with a model type of its own, so that no 7x7 stem is built from it."""

    model_type = "small_image_resnet"


class SmallImageResNetModel(ResNetModel):  # type: ignore[no-untyped-call]
    """`ResNetModel` with the stem of small images; its features are ``pooler_output``."""

    config_class = SmallImageResNetConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        stem = self.embedder.embedder
        stem.convolution = nn.Conv2d(config.num_channels, config.embedding_size, 3, padding=1, bias=False)
        self.embedder.pooler = nn.Identity()  # type: ignore[assignment]
        self.post_init()  # type: ignore[no-untyped-call]


class SmallImageResNetForImageClassification(ResNetForImageClassification):  # type: ignore[no-untyped-call]
    """`ResNetForImageClassification` with the stem of small images."""

    config_class = SmallImageResNetConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.resnet = SmallImageResNetModel(config)
        self.post_init()  # type: ignore[no-untyped-call]
