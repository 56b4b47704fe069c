"""wav2vec 2.0 (Baevski et al. 2020, arXiv 2006.11477): convolutions over samples, a transformer over frames."""

import math
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from core.spec.architectures.audio import audio_block_bytes
from core.spec.architectures.base import Inputs
from core.spec.architectures.blocks import BlockMap, attention_maps, feed_forward_maps
from core.spec.architectures.transformer import Transformer
from core.spec.base import Spec
from core.spec.faults import SpecFault

POSITION_KERNEL = 128
"""Kernel size in frames of the positional convolution, unless the task sets another number."""
_POSITION_GROUPS = 16
"""Groups of the positional convolution, if the width allows this many."""
_CONVOLUTION_BYTES = 12
"""Bytes per output of a convolution: kept for the convolution, for its norm and for its activation, in fp32."""

_Width = Annotated[int, Field(ge=1, le=1024)]


class FeatureEncoder(Spec):
    """The convolutions that turn audio samples into frames; defaults are the paper's (a frame per 20 ms at 16 kHz)."""

    kernels: tuple[_Width, ...] = (10, 3, 3, 3, 3, 2, 2)
    """Width of each convolution."""
    strides: tuple[_Width, ...] = (5, 2, 2, 2, 2, 2, 2)
    """Stride of each convolution; their product is the number of audio samples per frame. For 8 kHz ``(5, 2, 2, 2,
    2, 2)`` with six kernels gives the same 20 ms."""
    channels: Annotated[int, Field(ge=4, le=4096)] | None = None
    """Channels of every convolution. Default: two thirds of ``model.hidden_size``, which is the paper's 512 for 768."""
    normalization: Literal["group", "layer"] = "layer"
    """``group``: the first convolution's channels over time (the paper's BASE); ``layer``: every frame by itself (its
    LARGE), so that silence after a short recording changes nothing. With ``layer`` the transformer's blocks also
    normalise first (pre-norm)."""

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.kernels) != len(self.strides) or not self.kernels:
            raise SpecFault(
                "different_lengths",
                f"kernels ({len(self.kernels)}) and strides ({len(self.strides)}) go together, one of each a convolution",
                lengths={"kernels": len(self.kernels), "strides": len(self.strides)},
            )
        return self

    def channels_for(self, hidden_size: int) -> int:
        """Channels of every convolution in a network of that width."""
        return self.channels or max(4, 2 * hidden_size // 3)

    @property
    def stride(self) -> int:
        """Audio samples from the start of one frame to the next."""
        return math.prod(self.strides)

    @property
    def field(self) -> int:
        """Receptive field of one frame, in audio samples."""
        seen = 1
        for kernel, stride in zip(reversed(self.kernels), reversed(self.strides), strict=True):
            seen = (seen - 1) * stride + kernel
        return seen

    def frames(self, samples: int) -> int:
        """Frames of ``samples`` audio samples; 0 if they are fewer than the receptive field of one frame."""
        return self.lengths(samples)[-1]

    def lengths(self, samples: int) -> list[int]:
        """Output length of each convolution, per channel."""
        found = []
        for kernel, stride in zip(self.kernels, self.strides, strict=True):
            samples = (samples - kernel) // stride + 1 if samples >= kernel else 0
            found.append(samples)
        return found

    def parameters(self, hidden_size: int) -> int:
        """Parameters of all convolutions and their norms."""
        channels, is_layer = self.channels_for(hidden_size), self.normalization == "layer"
        count = 0 if is_layer else 2 * channels  # one group norm after the first
        for number, kernel in enumerate(self.kernels):
            count += (channels if number else 1) * channels * kernel
            count += 3 * channels if is_layer else 0  # a bias and a norm
        return count


PAPERS_ENCODER = FeatureEncoder()


class Wav2Vec2Size(Transformer):
    """Sizes of wav2vec 2.0's encoder, without the modules that only pretraining needs."""

    architecture: ClassVar[str] = "wav2vec2"
    decided_settings: ClassVar[tuple[str, ...]] = (
        "conv_dim",
        "conv_kernel",
        "conv_stride",
        "feat_extract_norm",
        "num_conv_pos_embeddings",
        "num_feat_extract_layers",
    )
    default_dropout: ClassVar[float] = 0.1

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        # The paper's BASE, and two for small data.
        return {
            "wav2vec2-tiny": cls.of(4, 192, 4),
            "wav2vec2-small": cls.of(6, 384, 6),
            "wav2vec2-base": cls.of(12, 768, 12),
        }

    def parameters(
        self,
        inputs: Inputs,  # noqa: ARG002 - the contract's
        *,
        convolutions: FeatureEncoder = PAPERS_ENCODER,
        position_kernel: int = POSITION_KERNEL,
    ) -> int:
        """
        Args:
            position_kernel: kernel size in frames of the positional convolution.
        """
        hidden = self.hidden_size
        channels = convolutions.channels_for(hidden)
        projection = 2 * channels + channels * hidden + hidden
        mask_token = hidden
        positions = hidden * (hidden // position_groups(hidden)) * position_kernel + position_kernel + hidden
        blocks = self.layers * self.block_parameters + 2 * hidden
        return convolutions.parameters(hidden) + projection + mask_token + positions + blocks

    def activation_bytes(self, inputs: Inputs, *, convolutions: FeatureEncoder = PAPERS_ENCODER) -> int:
        lengths = [max(1, length) for length in convolutions.lengths(inputs.clip_samples)]
        numbers = sum(lengths) * convolutions.channels_for(self.hidden_size)
        a_number = _CONVOLUTION_BYTES // 2 if inputs.half else _CONVOLUTION_BYTES
        return a_number * inputs.samples * numbers + audio_block_bytes(self, inputs, lengths[-1])

    def block_maps(self, block: int) -> tuple[BlockMap, ...]:  # noqa: ARG002 - all blocks are alike
        hidden = self.hidden_size
        attention = attention_maps(hidden, "attention.", ("k_proj", "v_proj"), ("q_proj",), "out_proj")
        return attention + feed_forward_maps(
            hidden, self.intermediate_size, "feed_forward.", ("intermediate_dense",), "output_dense"
        )


def position_groups(hidden_size: int) -> int:
    """Groups of the positional convolution in a network of that width."""
    return math.gcd(_POSITION_GROUPS, hidden_size)
