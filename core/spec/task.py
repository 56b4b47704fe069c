"""The contract of a task's spec: what every task tells of itself without torch."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from core.spec.base import Spec
from core.spec.metrics import Direction
from core.spec.model import Size

Modality = Literal["text", "image", "audio"]
MODALITIES: tuple[Modality, ...] = ("text", "image", "audio")


class TaskSpec(Spec):
    """The spec of one task: a variant of the union `core.spec.tasks.Task`.

    Each defines a field ``kind`` of one literal value, by which the union tells them apart.
    """

    if TYPE_CHECKING:
        kind: str

    modality: ClassVar[Modality]
    """What it learns from."""
    presets: ClassVar[tuple[str, ...]]
    """The networks that it trains, by preset name; the first is the default."""

    views: ClassVar[int] = 1
    """Images that the encoder learns from for each sample, where a task makes several of one."""

    evaluations: ClassVar[Mapping[str, Direction]] = {"loss": "lower"}
    """What an evaluation measures (``eval/…``) that tells a better model from a worse one, and which way is better."""

    needs_colour: ClassVar[bool] = False
    """Whether grey images (``data.image.channels: 1``) have nothing to learn from."""

    def check(self, encoder: Size, patches: int) -> None:
        """Called with the network of a job, and the patches of an image where it is a ViT.

        Raises:
            ValueError: where the task cannot train it.
        """

    def check_clip(self, samples: int) -> None:
        """Called with the length of a clip of a job, whatever it learns from.

        Raises:
            ValueError: where the task can make nothing of so short a clip.
        """
