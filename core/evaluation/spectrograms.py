"""Draws spectrograms as grey pictures: time to the right, low frequencies at the bottom."""

from collections.abc import Sequence

from torch import Tensor

from core.evaluation.pictures import Pixels, to_pixels

_TINY = 1e-6


def draw_spectrograms(first: Tensor, *others: Tensor) -> Sequence[Pixels]:
    """Kinds of spectrograms, (B, frames, bins) each, as pictures of shape (B, bins, frames, 1).

    In all of them, black is the smallest value of the first kind, and white its largest.
    """
    darkest, brightest = first.min(), first.max()
    scale = (brightest - darkest).clamp_min(_TINY)
    upright = [((kind - darkest) / scale).transpose(1, 2).flip(1)[:, None] for kind in (first, *others)]
    return [to_pixels(kind.detach().float().cpu().numpy()) for kind in upright]
