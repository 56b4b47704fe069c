"""AST, the audio spectrogram transformer (Gong et al. 2021, arXiv 2104.01778): ViT's blocks on a log-mel spectrogram."""

from collections.abc import Mapping
from typing import ClassVar, Self

from core.spec.architectures.audio import audio_block_bytes
from core.spec.architectures.base import Inputs
from core.spec.architectures.blocks import BlockMap
from core.spec.architectures.transformer import Transformer

MEL_BINS = 128
"""Mel bands of the spectrogram, unless the task sets another number."""
PATCH_SIZE = 16
"""Bands and frames on a patch's side, unless the task sets another number."""
FRAME_LENGTH = 400
"""Audio samples in one frame of the spectrogram."""
FRAME_STEP = 160
"""Audio samples from the start of one frame to the next."""
SPECIAL_TOKENS = 2
"""Tokens before the patches: the class and distillation tokens."""


class AstSize(Transformer):
    """Sizes of an AST, whose positions are fixed and not trained."""

    architecture: ClassVar[str] = "ast"
    decided_settings: ClassVar[tuple[str, ...]] = ("num_mel_bins", "patch_size")

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        # ViT's base; tiny and small are for small data.
        return {
            "ast-tiny": cls.of(4, 192, 3),
            "ast-small": cls.of(12, 384, 6),
            "ast-base": cls.of(12, 768, 12),
        }

    def parameters(self, inputs: Inputs, *, patch_size: int = PATCH_SIZE) -> int:  # noqa: ARG002 - the contract's
        """
        Args:
            patch_size: bands and frames on a patch's side.
        """
        hidden = self.hidden_size
        special, patches = SPECIAL_TOKENS * hidden, (patch_size**2 + 1) * hidden
        return special + patches + self.layers * self.block_parameters + 2 * hidden

    def activation_bytes(self, inputs: Inputs, *, patches: int | None = None) -> int:
        """
        Args:
            patches: patches of a clip that the encoder processes. Default: all, of a spectrogram of `MEL_BINS`.
        """
        if patches is None:
            patches = spectrogram_patches(inputs, MEL_BINS, PATCH_SIZE)
        return audio_block_bytes(self, inputs, patches + SPECIAL_TOKENS)

    def block_maps(self, block: int) -> tuple[BlockMap, ...]:  # noqa: ARG002 - all blocks are alike
        return self.vit_maps()

    @property
    def norm_weights(self) -> int:
        return 2 * self.hidden_size


def spectrogram_patches(inputs: Inputs, mel_bins: int, patch_size: int) -> int:
    """Patches of the spectrogram of a clip."""
    frames = inputs.frames or spectrogram_frames(inputs.clip_samples, patch_size)
    bands, times = inputs.patch_strides or (patch_size, patch_size)
    return ((mel_bins - patch_size) // bands + 1) * ((frames - patch_size) // times + 1)


def spectrogram_frames(samples: int, patch_size: int) -> int:
    """Frames of the spectrogram of ``samples`` audio samples, padded to whole patches, at least one."""
    frames = 1 + (samples - FRAME_LENGTH) // FRAME_STEP if samples >= FRAME_LENGTH else 1
    return -(-frames // patch_size) * patch_size
