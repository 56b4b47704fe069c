"""GPT-2 (Radford et al. 2019)."""

from collections.abc import Mapping
from typing import ClassVar, Self

from core.spec.architectures.base import Inputs
from core.spec.architectures.blocks import BlockMap, feed_forward_maps
from core.spec.architectures.language import LanguageModelSize


class Gpt2Size(LanguageModelSize):
    """Sizes of a GPT-2, whose head is the embedding's matrix."""

    architecture: ClassVar[str] = "gpt2"
    published_sizes: ClassVar[Mapping[str, str]] = {
        "n_layer": "layers",
        "n_embd": "hidden_size",
        "n_head": "heads",
        "n_inner": "intermediate_size",
    }
    default_dropout: ClassVar[float] = 0.1
    learned_positions: ClassVar[bool] = True
    # The GELU, by its tangent, is made of seven operations.
    token_bytes: ClassVar[tuple[tuple[int, int], tuple[int, int]]] = ((34, 20), (18, 12))

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        # Radford et al. 2019: the smallest of GPT-2, and two for small data below it.
        return {
            "gpt2-tiny": cls.of(4, 128, 4),
            "gpt2-mini": cls.of(6, 384, 6),
            "gpt2-small": cls.of(12, 768, 12),
        }

    def parameters(self, inputs: Inputs) -> int:
        hidden = self.hidden_size
        embeddings = (inputs.vocabulary_size + inputs.sequence_length) * hidden
        return embeddings + self.layers * self.block_parameters + 2 * hidden

    def encoder_parameters(self, inputs: Inputs) -> int:
        return self.parameters(inputs)

    def block_maps(self, block: int) -> tuple[BlockMap, ...]:  # noqa: ARG002 - all blocks are alike
        hidden = self.hidden_size
        # Queries, keys and values are one map.
        together = BlockMap(
            name="attn.c_attn", part="attention", inputs=hidden, outputs=3 * hidden, scaled="outputs"
        )
        last = BlockMap(name="attn.c_proj", part="attention", inputs=hidden, outputs=hidden, is_last=True)
        return (
            together,
            last,
            *feed_forward_maps(hidden, self.intermediate_size, "mlp.", ("c_fc",), "c_proj"),
        )

    @property
    def norm_weights(self) -> int:
        return 2 * self.hidden_size
