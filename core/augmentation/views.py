"""Makes views from stored images and drawn parameters."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from core.augmentation.blur import blur
from core.augmentation.color import gray, jitter, solarize
from core.augmentation.resample import resized_crops
from core.augmentation.rotation import quarter_turns, rotate
from core.spec.augmentation import AugmentationSpec


def to_float(images: Tensor) -> Tensor:
    """Stored images, uint8 (B, H, W, C), as values 0 … 1, (B, C, H, W)."""
    return images.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format) / 255.0


def normalize(images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Values minus ``mean``, divided by ``std``, each (C,)."""
    return (images - mean[:, None, None]) / std[:, None, None]


def views(
    images: Tensor, parameters: Mapping[str, Tensor], spec: AugmentationSpec, *, size: int | None = None
) -> Tensor:
    """Views of stored images.

    Args:
        images: uint8, shape (B, H, W, C) with 1 or 3 channels.
        parameters: From `draw_views`, for V views of each image.
        spec: The spec that the parameters were drawn with.
        size: Height and width of the views; by default those of the stored images.

    Returns:
        Values 0 … 1, shape (V * B, C, size, size), view by view.
    """
    values = to_float(images)
    count = len(parameters["box"]) // len(images)
    values = values.repeat(count, 1, 1, 1)
    if "rotation" in parameters:
        values = rotate(values, parameters["rotation"])
    shape = (size or values.shape[2], size or values.shape[3])
    values = resized_crops(values, parameters["box"], shape, parameters["flip"])
    if "turns" in parameters:
        values = quarter_turns(values, parameters["turns"])
    if "jitter" in parameters:
        values = jitter(values, parameters["jitter"])
    if "gray" in parameters and values.shape[1] == 3:
        values = torch.where(parameters["gray"][:, None, None, None], gray(values), values)
    if "blur" in parameters:
        values = blur(values, parameters["blur"])
    if "solarize" in parameters:
        values = solarize(values, parameters["solarize"], spec.solarize_threshold)
    return values


class Views(nn.Module):
    """`views` with normalisation as a module, which `torch.compile` can compile in place. It has no state.

    Args:
        mean: Mean of each channel, 0 … 1 (`PreparedImages.mean`).
        std: Standard deviation of each channel. A channel with deviation 0 is not divided.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self, spec: AugmentationSpec, mean: Sequence[float], std: Sequence[float], *, size: int | None = None
    ) -> None:
        super().__init__()
        self.spec = spec
        self.size = size
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor([one or 1.0 for one in std]), persistent=False)

    @torch.no_grad()
    def forward(self, images: Tensor, parameters: Mapping[str, Tensor]) -> Tensor:
        """Shape (V * B, C, size, size), always float32, also under autocast."""
        with torch.autocast(images.device.type, enabled=False):
            found = views(images, parameters, self.spec, size=self.size)
            return normalize(found, self.mean, self.std)
