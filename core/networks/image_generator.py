"""Generators of images from random numbers: DCGAN's (arXiv 1511.06434) and the residual one of arXiv 1802.05957.

`transformers` has no such network, so this file travels with each checkpoint, as the ecosystem's "custom code":
``AutoModel.from_pretrained(folder, trust_remote_code=True)`` runs it. It needs nothing but ``torch`` and
``transformers``.
"""

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import PretrainedConfig, PreTrainedModel

_LEAST_SIDE = 4
_LARGEST_FACTOR = 8


class ImageGeneratorConfig(PretrainedConfig):  # type: ignore[no-untyped-call]
    """Sizes of a generator.

    Args:
        network: ``dcgan`` or ``resgan``.
        latent_size: random numbers an image.
        width: channels: of ``dcgan`` in its last hidden map (twice as many in each before it, at most eight times), of
            ``resgan`` everywhere.
        image_size: side of the square images.
        num_channels: of one pixel.
    """

    model_type = "seedbed_image_generator"

    def __init__(
        self,
        network: str = "dcgan",
        latent_size: int = 128,
        width: int = 64,
        image_size: int = 32,
        num_channels: int = 3,
        **rest: Any,
    ) -> None:
        self.network = network
        self.latent_size = latent_size
        self.width = width
        self.image_size = image_size
        self.num_channels = num_channels
        super().__init__(**rest)

    @property
    def doublings(self) -> int:
        """Times that the first map is doubled: from a side of about 4."""
        return max(1, (-(-self.image_size // _LEAST_SIDE) - 1).bit_length())

    @property
    def start(self) -> int:
        """Side of the first map; what doubling makes too large is cut off."""
        return -(-self.image_size // (1 << self.doublings))

    @property
    def widths(self) -> list[int]:
        """Channels of the first map and after each doubling but, in ``dcgan``, the last."""
        if self.network == "resgan":
            return [self.width] * (self.doublings + 1)
        return [self.width * min(_LARGEST_FACTOR, 1 << n) for n in reversed(range(self.doublings))]


class ImageGenerator(PreTrainedModel):  # type: ignore[no-untyped-call]
    """Random numbers, shape (B, latent_size), to images of shape (B, C, H, W) in -1 … 1."""

    config_class = ImageGeneratorConfig
    main_input_name = "latents"

    def __init__(self, config: ImageGeneratorConfig) -> None:
        super().__init__(config)
        widths, start = config.widths, config.start
        self.first = nn.Linear(config.latent_size, widths[0] * start**2, bias=config.network == "resgan")
        if config.network == "dcgan":
            stages: list[nn.Module] = [
                _Deconvolution(*pair) for pair in zip(widths, [*widths[1:], config.num_channels], strict=True)
            ]
        else:
            stages = [_ResidualUp(*pair) for pair in itertools.pairwise(widths)]
        self.stages = nn.ModuleList(stages)
        self.last: nn.Module = nn.Identity()
        if config.network == "resgan":
            norm = nn.BatchNorm2d(widths[-1])
            self.last = nn.Sequential(
                norm, nn.ReLU(), nn.Conv2d(widths[-1], config.num_channels, 3, padding=1)
            )
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, latents: Tensor) -> Tensor:
        config = self.config
        maps = self.first(latents).unflatten(1, (config.widths[0], config.start, config.start))
        for stage in self.stages:
            maps = stage(maps)
        side = config.image_size
        return torch.tanh(self.last(maps))[:, :, :side, :side]

    def _init_weights(self, module: nn.Module) -> None:
        """Normal with 0.02 for DCGAN (section 4), Glorot's uniform for the other."""
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            if self.config.network == "dcgan":
                nn.init.normal_(module.weight, std=0.02)
            else:
                nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


class _Deconvolution(nn.Module):
    """Norm, rectifier, and a transposed convolution that doubles the side."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(before)
        self.convolution = nn.ConvTranspose2d(before, after, 4, stride=2, padding=1, bias=True)

    def forward(self, maps: Tensor) -> Tensor:
        wider: Tensor = self.convolution(functional.relu(self.norm(maps)))
        return wider


class _ResidualUp(nn.Module):
    """Two convolutions, the first on the doubled map, beside a doubled shortcut."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(before), nn.BatchNorm2d(after)])
        self.convolutions = nn.ModuleList(
            [nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)]
        )
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.convolutions[0](_doubled(functional.relu(self.norms[0](maps))))
        inner = self.convolutions[1](functional.relu(self.norms[1](inner)))
        # A 1x1 convolution before the doubling gives what it gives after it, at a quarter of the work.
        outer: Tensor = inner + _doubled(self.shortcut(maps))
        return outer


def _doubled(maps: Tensor) -> Tensor:
    batch, channels, height, width = maps.shape
    spread = maps[:, :, :, None, :, None].expand(-1, -1, -1, 2, -1, 2)
    return spread.reshape(batch, channels, 2 * height, 2 * width)
