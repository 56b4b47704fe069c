"""sRGB (IEC 61966-2-1) to CIE L*a*b* (CIE 1976, white point D65, 2° observer) and back, in tensors.

L runs from 0 to 100; the a and b of sRGB's colours lie in about -86 … 98 and -108 … 94.
"""

import torch
from torch import Tensor

_TO_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
# The white that the matrix computes from (1, 1, 1), so that greys have a = b = 0 exactly.
_WHITE = tuple(sum(row) for row in _TO_XYZ)
_KNEE = 6 / 29


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """sRGB in 0 … 1, shape (B, 3, H, W), to (B, 3, H, W) of L, a and b."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055).clamp(min=0) ** 2.4)
    matrix = torch.tensor(_TO_XYZ, dtype=rgb.dtype, device=rgb.device)
    white = torch.tensor(_WHITE, dtype=rgb.dtype, device=rgb.device)
    xyz = _mixed(matrix / white[:, None], linear)
    bent = torch.where(xyz > _KNEE**3, xyz.clamp(min=1e-12) ** (1 / 3), xyz / (3 * _KNEE**2) + 4 / 29)
    x, y, z = bent.unbind(dim=1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], dim=1)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """The inverse of `rgb_to_lab`; colours that sRGB does not have are clipped to 0 … 1."""
    light, a, b = lab.unbind(dim=1)
    y = (light + 16) / 116
    bent = torch.stack([y + a / 500, y, y - b / 200], dim=1)
    xyz = torch.where(bent > _KNEE, bent**3, 3 * _KNEE**2 * (bent - 4 / 29))
    matrix = torch.tensor(_TO_XYZ, dtype=torch.float64)
    white = torch.tensor(_WHITE, dtype=torch.float64)
    inverse = torch.linalg.inv(matrix / white[:, None]).to(lab)
    linear = _mixed(inverse, xyz).clamp(0, 1)
    rgb = torch.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=1e-12) ** (1 / 2.4) - 0.055
    )
    return rgb.clamp(0, 1)


def _mixed(matrix: Tensor, channels: Tensor) -> Tensor:
    # No matrix product: autocast would compute it in bfloat16, whose eight bits of precision are too few for colours.
    one, two, three = channels.unbind(dim=1)
    return torch.stack([row[0] * one + row[1] * two + row[2] * three for row in matrix], dim=1)
