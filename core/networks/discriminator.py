"""Discriminators: DCGAN's (Radford et al. 2015, arXiv 1511.06434) and a residual one (Miyato et al. 2018, arXiv 1802.05957)."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from core.spec.architectures.dcgan import discriminator_widths
from core.spec.architectures.gan import halvings

_SLOPE = 0.2
Wrap = Callable[[nn.Module], nn.Module]


class ConvolutionalDiscriminator(nn.Module):
    """Strided convolutions with leaky rectifiers: images (B, C, S, S) to scores (B,).

    Args:
        normalise: Batch norm after all convolutions except the first, as in the paper.
        spectral: Spectral norm: divide each weight by its largest singular value.
    """

    def __init__(self, channels: int, side: int, width: int, *, normalise: bool, spectral: bool) -> None:
        super().__init__()
        wrap = _wrapper(spectral=spectral)
        layers: list[nn.Module] = []
        before = channels
        for number, after in enumerate(discriminator_widths(width, halvings(side))):
            batch_norm = normalise and number > 0
            layers.append(wrap(nn.Conv2d(before, after, 4, stride=2, padding=1, bias=not batch_norm)))
            if batch_norm:
                layers.append(nn.BatchNorm2d(after))
            layers.append(nn.LeakyReLU(_SLOPE))
            before, side = after, side // 2
        self.layers = nn.Sequential(*layers)
        self.last = wrap(nn.Linear(before * side**2, 1))
        self.apply(_small_normal)

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.last(self.layers(images).flatten(1))
        return scores.squeeze(1)


class ResidualDiscriminator(nn.Module):
    """Residual blocks, of which all but the last two halve the side, then a sum over all positions: (B, C, S, S) to (B,)."""

    def __init__(self, channels: int, side: int, width: int, *, spectral: bool) -> None:
        super().__init__()
        wrap = _wrapper(spectral=spectral)
        # Down to a side of 8, as in the paper for 32x32 (table 4b).
        downs = max(1, halvings(side) - 1)
        blocks = [_Residual(channels, width, wrap, halve=True, first=True)]
        blocks += [_Residual(width, width, wrap, halve=True, first=False) for _ in range(downs - 1)]
        blocks += [_Residual(width, width, wrap, halve=False, first=False) for _ in range(2)]
        self.blocks = nn.Sequential(*blocks)
        self.last = wrap(nn.Linear(width, 1))

    def forward(self, images: Tensor) -> Tensor:
        sums = functional.relu(self.blocks(images)).sum(dim=(2, 3))
        scores: Tensor = self.last(sums)
        return scores.squeeze(1)


class _Residual(nn.Module):
    """Two convolutions with a shortcut, then 2x2 mean pooling if the block halves the side.

    Args:
        first: The input is the image itself, so that no rectifier comes before the first convolution.
    """

    def __init__(self, before: int, after: int, wrap: Wrap, *, halve: bool, first: bool) -> None:
        super().__init__()
        self.halve, self.first = halve, first
        self.convolutions = nn.ModuleList(
            [
                wrap(_glorot(nn.Conv2d(before, after, 3, padding=1))),
                wrap(_glorot(nn.Conv2d(after, after, 3, padding=1))),
            ]
        )
        changes = halve or before != after
        self.shortcut = wrap(_glorot(nn.Conv2d(before, after, 1))) if changes else nn.Identity()

    def forward(self, maps: Tensor) -> Tensor:
        inner = self.convolutions[0](maps if self.first else functional.relu(maps))
        inner = self.convolutions[1](functional.relu(inner))
        # Mean pooling and a 1x1 convolution commute; pooling first takes a quarter of the computation.
        outer: Tensor = self._halved(inner) + self.shortcut(self._halved(maps))
        return outer

    def _halved(self, maps: Tensor) -> Tensor:
        return functional.avg_pool2d(maps, 2, ceil_mode=True, count_include_pad=False) if self.halve else maps


def _wrapper(*, spectral: bool) -> Wrap:
    return spectral_norm if spectral else (lambda layer: layer)


def _glorot(layer: nn.Conv2d) -> nn.Conv2d:
    nn.init.xavier_uniform_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def _small_normal(module: nn.Module) -> None:
    """Normal weights with deviation 0.02, section 4 of the paper. A weight under spectral norm is left as it is."""
    if isinstance(module, nn.Conv2d | nn.Linear) and not hasattr(module, "parametrizations"):
        nn.init.normal_(module.weight, std=0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
