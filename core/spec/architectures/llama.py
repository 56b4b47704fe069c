"""Llama (Touvron et al. 2023, arXiv 2302.13971)."""

from collections.abc import Mapping
from typing import ClassVar, Self

from core.spec.architectures.base import Inputs
from core.spec.architectures.blocks import BlockMap, attention_maps, feed_forward_maps
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

    def encoder_parameters(self, inputs: Inputs) -> int:
        return self.parameters(inputs)

    def block_maps(self, block: int) -> tuple[BlockMap, ...]:  # noqa: ARG002 - all blocks are alike
        hidden = self.hidden_size
        attention = attention_maps(hidden, "self_attn.", ("k_proj", "v_proj"), ("q_proj",), "o_proj")
        return attention + feed_forward_maps(
            hidden, self.intermediate_size, "mlp.", ("gate_proj", "up_proj"), "down_proj"
        )

    def block_weights(self, block: int) -> int:  # noqa: ARG002 - likewise
        return self.gated_block_parameters + 2 * self.hidden_size

    @property
    def norm_weights(self) -> int:
        return self.hidden_size
