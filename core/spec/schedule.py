"""The learning rate over the steps."""

from typing import Annotated, Literal

from pydantic import Field

from core.spec.base import Spec


class Schedule(Spec):
    """Linear warm-up, then a decay."""

    kind: Literal["cosine", "linear", "constant", "warmup_stable_decay"] = "cosine"
    """``warmup_stable_decay`` (Hu et al. 2024, arXiv 2404.06395) holds the peak until the last ``decay_steps``, so that a
    run can be lengthened from any checkpoint before them."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Optimiser steps of linear warm-up from zero."""
    decay_steps: Annotated[int, Field(ge=1)] | None = None
    """Optimiser steps of decay at the end of ``warmup_stable_decay``. Default: a tenth of all steps. Ignored for the
    others, which decay from the warm-up on."""
    final_fraction: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """Learning rate at the last step as a share of the peak. Ignored for ``constant``."""
