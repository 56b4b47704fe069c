"""ModernBERT (Warner et al. 2024, arXiv 2412.13663)."""

from collections.abc import Mapping
from typing import ClassVar, Self

from core.spec.architectures.base import Inputs
from core.spec.architectures.blocks import BlockMap, feed_forward_maps
from core.spec.architectures.language import LanguageModelSize


class ModernBertSize(LanguageModelSize):
    """Sizes of a ModernBERT, with its masked language modelling head."""

    architecture: ClassVar[str] = "modernbert"
    rotary: ClassVar[bool] = True
    # A gated layer is twice as wide.
    token_bytes: ClassVar[tuple[tuple[int, int], tuple[int, int]]] = ((41, 16), (29, 8))

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        # Base is the paper's; the smaller ones are Ettin's 17m and 32m (Weller et al. 2025, arXiv 2507.11412).
        return {
            "modernbert-mini": cls.of(7, 256, 4, 384),
            "modernbert-small": cls.of(10, 384, 6, 576),
            "modernbert-base": cls.of(22, 768, 12, 1152),
        }

    def parameters(self, inputs: Inputs) -> int:
        hidden = self.hidden_size
        head = hidden * hidden + hidden + inputs.vocabulary_size
        return self.encoder_parameters(inputs) + head

    def encoder_parameters(self, inputs: Inputs) -> int:
        hidden = self.hidden_size
        # Norms have no biases; the first layer has none before its attention, where the embeddings' own stands.
        blocks = self.layers * (self.gated_block_parameters + 2 * hidden) - hidden
        return inputs.vocabulary_size * hidden + hidden + blocks + hidden

    def block_maps(self, block: int) -> tuple[BlockMap, ...]:  # noqa: ARG002 - all blocks have the same maps
        hidden, intermediate = self.hidden_size, self.intermediate_size
        # Queries, keys and values are one map, and so are the two halves of the gated layer.
        together = BlockMap(
            name="attn.Wqkv", part="attention", inputs=hidden, outputs=3 * hidden, scaled="outputs"
        )
        last = BlockMap(name="attn.Wo", part="attention", inputs=hidden, outputs=hidden, is_last=True)
        wide = BlockMap(name="mlp.Wi", part="feed_forward", inputs=hidden, outputs=2 * intermediate)
        return (together, last, wide, *feed_forward_maps(hidden, intermediate, "mlp.", (), "Wo"))

    def block_weights(self, block: int) -> int:
        # The first layer has no norm before its attention.
        return self.gated_block_parameters + (2 if block else 1) * self.hidden_size

    @property
    def norm_weights(self) -> int:
        return self.hidden_size
