"""Augmentation in tensors: a whole batch at once on the device, each sample by numbers of its own.

The numbers are drawn on the CPU from (seed, step, sample), by `draw_views`, and travel in the batch; `views` applies
them. What a sample becomes depends on nothing else: neither on its neighbours nor on how a batch is split into parts, to the bit.
"""

from core.augmentation.parameters import draw_views
from core.augmentation.rotation import quarter_turns
from core.augmentation.views import Views, normalize, to_float, views

__all__ = ["Views", "draw_views", "normalize", "quarter_turns", "to_float", "views"]
