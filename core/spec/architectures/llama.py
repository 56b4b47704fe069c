"""Llama (Touvron et al. 2023, arXiv 2302.13971)."""

from collections.abc import Mapping
from typing import ClassVar, Self

from core.spec.architectures.base import Inputs
from core.spec.architectures.language import LanguageModelSize


class LlamaSize(LanguageModelSize):
    """Sizes of a Llama, whose head is the embedding's matrix."""

    architecture: ClassVar[str] = "llama"
    rotary: ClassVar[bool] = True
    # A gated layer is twice as wide, and RMS norms compute in fp32.
    token_bytes: ClassVar[tuple[tuple[int, int], tuple[int, int]]] = ((42, 16), (36, 8))

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        # The widths and depths of the gpt2 presets; feed-forward layers of 8/3 the width, as Touvron et al. 2023, which
        # with their gate are as large as GPT-2's.
        return {
            "llama-tiny": cls.of(4, 128, 4, 352),
            "llama-mini": cls.of(6, 384, 6, 1024),
            "llama-small": cls.of(12, 768, 12, 2048),
        }

    def parameters(self, inputs: Inputs) -> int:
        hidden = self.hidden_size
        blocks = self.layers * (self.gated_block_parameters + 2 * hidden)
        return inputs.vocabulary_size * hidden + blocks + hidden
