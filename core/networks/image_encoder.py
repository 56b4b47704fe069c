"""The encoders of images, ViT, ResNet, and those of I-JEPA and MAE, as implementations of `core.networks.encoder.Encoder`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.ijepa.modeling_ijepa import IJepaModel
from transformers.models.resnet.modeling_resnet import ResNetModel
from transformers.models.vit.modeling_vit import ViTModel
from transformers.models.vit_mae.modeling_vit_mae import ViTMAEForPreTraining

from core.checkpoints.bundle import Bundle, Network
from core.networks.encoder import Encoder, fitting, read_network
from core.networks.image_perceptron import ImagePerceptronModel
from core.networks.vision import Pooling, feature_width, features
from core.networks.vit_mae import encode_whole, encoder_config

_CLASS_TOKEN = 1


class ImageEncoder(Encoder):
    """A ViT, a ResNet, an I-JEPA encoder or a perceptron.

    Args:
        pooling: For the features of a ViT: the mean over its patches, or its class token.
    """

    def __init__(self, network: PreTrainedModel, pooling: Pooling = "mean") -> None:
        self.network: Any = network
        self.pooling = pooling

    @property
    def width(self) -> int:
        return feature_width(self.network)

    @property
    def body(self) -> nn.Module:
        found: nn.Module = self.network
        return found

    @property
    def blocks(self) -> Sequence[nn.Module]:
        if isinstance(self.network, ResNetModel):
            stages: Any = self.network.encoder.stages
            return [block for stage in stages for block in stage.layers]
        return list(self.network.layers)

    def tokens(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002 - all of an image's tokens are real
        output = self.network(pixel_values=inputs).last_hidden_state
        if isinstance(self.network, ResNetModel):
            places: Tensor = output.flatten(2).transpose(1, 2)
            return places
        patches: Tensor = (
            output
            if isinstance(self.network, IJepaModel | ImagePerceptronModel)
            else output[:, _CLASS_TOKEN:]
        )
        return patches

    def features(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002 - all of an image's tokens are real
        return features(self.network, inputs, self.pooling)

    def load(self, directory: Path) -> None:
        options = {"add_pooling_layer": False} if isinstance(self.network, ViTModel) else {}
        loaded = read_network(type(self.network), directory, self.network.config, **options)
        with fitting(directory):
            self.network.load_state_dict(loaded.state_dict())

    def save(self, directory: Path) -> None:
        _write(self.network, self.network, directory)


class MaskedImageEncoder(Encoder):
    """The encoder of an MAE, here without hidden patches. It is saved and loaded as a plain ViT."""

    def __init__(self, model: ViTMAEForPreTraining) -> None:
        self.model = model

    @property
    def width(self) -> int:
        return int(self.model.config.hidden_size)

    @property
    def body(self) -> nn.Module:
        found: nn.Module = self.model.vit
        return found

    @property
    def blocks(self) -> Sequence[nn.Module]:
        return list(self.model.vit.layers)

    def tokens(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002 - all of an image's tokens are real
        return encode_whole(self.model.vit, inputs)[:, _CLASS_TOKEN:]

    def load(self, directory: Path) -> None:
        config = encoder_config(self.model.config)
        loaded = read_network(ViTModel, directory, config, add_pooling_layer=False)
        with fitting(directory):
            self.model.vit.load_state_dict(loaded.state_dict())

    def save(self, directory: Path) -> None:
        with torch.device("meta"):
            vit = ViTModel(encoder_config(self.model.config), add_pooling_layer=False)
        _write(vit, self.model.vit, directory)


def _write(opened: PreTrainedModel, trained: nn.Module, directory: Path) -> None:
    """Write the weights of a network as those of ``opened``, which has the same names."""
    weights = {name: tensor.detach().cpu() for name, tensor in trained.state_dict().items()}
    Bundle([Network("", opened, published_names=True)]).write(directory, weights)
