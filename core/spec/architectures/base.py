"""The contract of an architecture: what a network of given sizes weighs, told without torch."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from core.spec.base import Spec

SETTINGS = (
    "layers",
    "hidden_size",
    "heads",
    "intermediate_size",
    "dropout",
    "depths",
    "widths",
    "width",
    "patch_size",
)
"""The fields of `core.spec.model.ModelSpec` that are sizes; each architecture has some of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What the networks of a job are fed in one micro-batch, and how it is computed."""

    vocabulary_size: int
    sequence_length: int
    """Tokens a row of text."""
    image_size: int
    """Pixels on an image's side."""
    channels: int
    """Of one pixel."""
    patch_size: int
    """Pixels on the side of a patch, where images are cut into patches."""
    clip_samples: int
    """Numbers in one clip of a recording."""
    samples: int
    """Rows, images or clips in the micro-batch, at the least."""
    half: bool
    """Whether it is computed in bf16."""
    device: str
    """``resources.device`` of the spec."""
    dropout: float

    @property
    def patches(self) -> int:
        """Patches of one image."""
        return (self.image_size // self.patch_size) ** 2


class Size(Spec, abc.ABC):
    """Sizes of a network of one architecture.

    Activations are counted after Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1): the bytes that autograd keeps
    for the backward pass.
    """

    architecture: ClassVar[str]
    """Its name in specs."""
    settings: ClassVar[tuple[str, ...]]
    """Which of `SETTINGS` it has."""
    default_dropout: ClassVar[float] = 0.0
    """Dropout in training where the spec names none: as the network was published."""
    learned_positions: ClassVar[bool] = False
    """Whether there is a trained vector for each position of a row, so that the weights are made for its length."""

    @classmethod
    @abc.abstractmethod
    def presets(cls) -> Mapping[str, Self]:
        """Published sizes by preset name; the names begin with the architecture's."""

    @abc.abstractmethod
    def changed(self, settings: Mapping[str, Any]) -> Self:
        """These sizes with some of ``settings`` set otherwise.

        Raises:
            ValueError: where they do not fit each other.
        """

    def check(self, inputs: Inputs) -> None:
        """Called with the inputs of a job.

        Raises:
            ValueError: where such a network cannot take them.
        """

    @property
    @abc.abstractmethod
    def feature_width(self) -> int | None:
        """Numbers in one sample's features; None where the network encodes nothing."""

    @abc.abstractmethod
    def parameters(self, inputs: Inputs) -> int:
        """Trained numbers of the network; weights that are shared count once. Exact."""

    @abc.abstractmethod
    def activation_bytes(self, inputs: Inputs) -> int:
        """What autograd keeps of one micro-batch. An estimate."""
