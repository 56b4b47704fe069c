"""Decodes a small feature map to an image, by alternately doubling its side and applying a convolution."""

import itertools

from torch import Tensor, nn

from core.spec.decoders import GROUP, decoder_widths, doublings


class Decoder(nn.Module):
    """A map (B, width, S, S) to (B, outputs, side, side): doubled by repetition, then refined by a 3x3 convolution.

    Repetition and convolution are used instead of a transposed convolution, which produces checkerboard artifacts (Odena et al.
    2016, "Deconvolution and Checkerboard Artifacts"). The gradient of repetition is a plain sum, with the same bits each time
    on every device. Group norm (Wu and He 2018, arXiv 1803.08494) is used so that nothing depends on the rest of the batch.

    Args:
        width: Channels of the map.
        start: S.
        side: Side of the square output. What doubling makes larger is cut off at the right and bottom.
    """

    def __init__(self, width: int, start: int, side: int, outputs: int) -> None:
        super().__init__()
        self.side = side
        widths = [width, *decoder_widths(width, doublings(start, side))]
        self.stages = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1), nn.GroupNorm(after // GROUP, after), nn.GELU()
            )
            for before, after in itertools.pairwise(widths)
        )
        self.last = nn.Conv2d(widths[-1], outputs, 3, padding=1)

    def forward(self, maps: Tensor) -> Tensor:
        for stage in self.stages:
            maps = stage(doubled(maps))
        image: Tensor = self.last(maps)
        return image[:, :, : self.side, : self.side]


def doubled(maps: Tensor) -> Tensor:
    """Each pixel repeated as 2 by 2 pixels: (B, C, H, W) to (B, C, 2 H, 2 W)."""
    batch, channels, height, width = maps.shape
    spread = maps[:, :, :, None, :, None].expand(-1, -1, -1, 2, -1, 2)
    return spread.reshape(batch, channels, 2 * height, 2 * width)
