"""What every pretraining task's spec says about itself."""

from typing import ClassVar, Literal

from core.spec.base import Spec

Modality = Literal["text", "image", "audio"]
MODALITIES: tuple[Modality, ...] = ("text", "image", "audio")


class PretrainingTask(Spec):
    """One variant of the union; ``kind`` names it, and its file in `core.objectives`."""

    modality: ClassVar[Modality]
    """What it learns from."""
    presets: ClassVar[tuple[str, ...]]
    """The networks that it trains, by preset name; the first is the default."""
