"""BERT (Devlin et al. 2018, arXiv 1810.04805)."""

from collections.abc import Mapping
from typing import ClassVar, Self

from core.spec.architectures.base import Inputs
from core.spec.architectures.blocks import BlockMap, attention_maps, feed_forward_maps
from core.spec.architectures.language import LanguageModelSize


class BertSize(LanguageModelSize):
    """Sizes of a BERT, with its masked language modelling head."""

    architecture: ClassVar[str] = "bert"
    default_dropout: ClassVar[float] = 0.1
    learned_positions: ClassVar[bool] = True
    token_bytes: ClassVar[tuple[tuple[int, int], tuple[int, int]]] = ((34, 8), (18, 4))

    @classmethod
    def presets(cls) -> Mapping[str, Self]:
        # Turc et al. 2019, "Well-Read Students Learn Better" (arXiv 1908.08962), table 1; base is BERT's own.
        return {
            "bert-tiny": cls.of(2, 128, 2),
            "bert-mini": cls.of(4, 256, 4),
            "bert-small": cls.of(4, 512, 8),
            "bert-medium": cls.of(8, 512, 8),
            "bert-base": cls.of(12, 768, 12),
        }

    def parameters(self, inputs: Inputs) -> int:
        hidden = self.hidden_size
        # The head's decoder shares the embedding's matrix.
        head = hidden * hidden + hidden + 2 * hidden + inputs.vocabulary_size
        return self.encoder_parameters(inputs) + head

    def encoder_parameters(self, inputs: Inputs) -> int:
        hidden = self.hidden_size
        # Two token types, and a norm.
        embeddings = (inputs.vocabulary_size + inputs.sequence_length + 2) * hidden + 2 * hidden
        return embeddings + self.layers * self.block_parameters

    def block_maps(self, block: int) -> tuple[BlockMap, ...]:  # noqa: ARG002 - all blocks are alike
        hidden = self.hidden_size
        square = attention_maps(
            hidden, "attention.", ("self.key", "self.value"), ("self.query",), "output.dense"
        )
        return square + feed_forward_maps(
            hidden, self.intermediate_size, "", ("intermediate.dense",), "output.dense"
        )
