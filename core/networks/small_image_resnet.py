"""A ResNet whose stem keeps the resolution of small images: one 3x3 convolution of stride 1, and no pooling.

He et al. 2015 (arXiv 1512.03385, section 4.2) train on 32x32 images so, and SimCLR (arXiv 2002.05709, appendix B.9)
does. `ResNetConfig` of `transformers` cannot express it, so this file travels with each checkpoint, as the ecosystem's
"custom code": ``AutoModel.from_pretrained(folder, trust_remote_code=True)`` runs it, and without that flag nothing is
loaded under a wrong stem. It needs nothing but ``torch`` and ``transformers``.
"""

from typing import Any

from torch import nn
from transformers import ResNetConfig
from transformers.models.resnet.modeling_resnet import ResNetModel


class SmallImageResNetConfig(ResNetConfig):  # type: ignore[no-untyped-call]
    """A `ResNetConfig` under a name of its own, so that nobody builds the 7x7 stem from it by mistake."""

    model_type = "small_image_resnet"


class SmallImageResNetModel(ResNetModel):  # type: ignore[no-untyped-call]
    """`ResNetModel` behind the stem of small images; its features are ``pooler_output``."""

    config_class = SmallImageResNetConfig

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        stem = self.embedder.embedder
        stem.convolution = nn.Conv2d(config.num_channels, config.embedding_size, 3, padding=1, bias=False)
        self.embedder.pooler = nn.Identity()  # type: ignore[assignment]
        self.post_init()  # type: ignore[no-untyped-call]
