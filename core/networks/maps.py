"""Feature maps: an encoder's features of an image before pooling."""

from typing import Any

from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.resnet.modeling_resnet import ResNetModel

from core.networks.small_image_resnet import SmallImageResNetModel
from core.networks.vision import feature_width
from core.spec.architectures.resnet import resnet_map_side


def feature_map(model: PreTrainedModel, pixels: Tensor) -> Tensor:
    """The last feature map, shape (B, D, S, S), of normalised pixels (B, C, H, H)."""
    output = model(pixel_values=pixels)
    maps: Tensor = output.last_hidden_state
    if isinstance(model, ResNetModel):
        return maps
    # The class token comes before the patches.
    patches = maps[:, 1:].transpose(1, 2)
    side = int(patches.shape[2] ** 0.5)
    return patches.reshape(*patches.shape[:2], side, side)


def map_shape(model: PreTrainedModel, image_size: int) -> tuple[int, int]:
    """D and S of the result of `feature_map`."""
    config: Any = model.config
    if isinstance(model, ResNetModel):
        small = isinstance(model, SmallImageResNetModel)
        side = resnet_map_side(image_size, stages=len(config.depths), small_images=small)
    else:
        side = image_size // config.patch_size
    return feature_width(model), side
