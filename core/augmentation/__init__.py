"""Augmentation in tensors: a whole batch at once on the device, each sample with parameters of its own.

`draw_views` draws the parameters on the CPU from (seed, step, sample), and they are part of the batch. `views` applies them.
The result for a sample depends on nothing else: to the bit, neither on the other samples of the batch nor on how the batch
is split into micro-batches.
"""

from core.augmentation.parameters import draw_views
from core.augmentation.rotation import quarter_turns
from core.augmentation.views import Views, normalize, to_float, views

__all__ = ["Views", "draw_views", "normalize", "quarter_turns", "to_float", "views"]
