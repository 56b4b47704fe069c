"""The contract of an architecture: number of parameters and memory of a network of given sizes, without torch."""

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from core.spec.architectures.blocks import BlockMap
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
    """The networks' inputs in one micro-batch, and how they are computed."""

    vocabulary_size: int
    sequence_length: int
    """Tokens per row of text."""
    image_size: int
    """Pixels on an image's side."""
    channels: int
    """Channels of a pixel."""
    patch_size: int
    """Pixels on the side of a patch, where images are cut into patches."""
    clip_samples: int
    """Audio samples in one clip of a recording."""
    samples: int
    """Least number of rows, images or clips in the micro-batch."""
    half: bool
    """Whether the forward pass computes in bf16."""
    device: str
    """``resources.device`` of the spec."""
    dropout: float
    classes: int = 0
    """Classes of the data, for a task that learns them."""
    published: bool = False
    """Whether the network is as somebody else made it (``model.config``)."""
    patch_strides: tuple[int, int] | None = None
    """Bands and frames from a patch of a spectrogram to the next, where patches overlap."""
    frames: int | None = None
    """Frames of a spectrogram, where the network's settings fix their number."""

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
    """The architecture's name in specs."""
    settings: ClassVar[tuple[str, ...]]
    """The names of `SETTINGS` that the architecture has."""
    default_dropout: ClassVar[float] = 0.0
    """Dropout in training unless the spec sets it: that of the publication."""
    published_sizes: ClassVar[Mapping[str, str]] = {}
    """Names in the ``config.json`` of `transformers` → names of `SETTINGS`."""
    decided_settings: ClassVar[tuple[str, ...]] = ()
    """Further names in the ``config.json`` of `transformers` whose values follow from other fields of a spec than its sizes."""
    learned_positions: ClassVar[bool] = False
    """Whether there is a trained vector for each position of a row, so that the weights depend on the row's length."""

    @classmethod
    @abc.abstractmethod
    def presets(cls) -> Mapping[str, Self]:
        """Published sizes by preset name; preset names begin with the architecture's name."""

    @abc.abstractmethod
    def changed(self, settings: Mapping[str, Any]) -> Self:
        """These sizes with the values of ``settings`` in place of their own.

        Raises:
            ValueError: if they do not fit each other.
        """

    def check(self, inputs: Inputs) -> None:
        """Check that the network can process the inputs of a job.

        Raises:
            ValueError: if it cannot.
        """

    @property
    @abc.abstractmethod
    def feature_width(self) -> int | None:
        """Dimensions of one sample's features; None if the network has no encoder."""

    @abc.abstractmethod
    def parameters(self, inputs: Inputs) -> int:
        """Number of trained parameters of the network, exact; shared weights count once."""

    @abc.abstractmethod
    def activation_bytes(self, inputs: Inputs) -> int:
        """Estimated bytes that autograd keeps of one micro-batch."""

    @property
    def block_count(self) -> int:
        """Number of blocks of the encoder, as `core.networks.encoder.Encoder.blocks` has them. By default none is known."""
        return 0

    def block_maps(self, block: int) -> tuple[BlockMap, ...]:  # noqa: ARG002 - for architectures whose blocks differ
        """The linear layers and convolutions of a block, in the order of its modules. By default none is known."""
        return ()

    def block_weights(self, block: int) -> int:  # noqa: ARG002 - likewise
        """Number of parameters of a block, exact."""
        return 0

    @property
    def norm_weights(self) -> int:
        """Number of parameters of the norm behind the last block."""
        return 0
