"""What language models have in common: tokens as input, scores (logits) of the vocabulary as output."""

import abc
from typing import ClassVar

from core.spec.architectures.base import Inputs
from core.spec.architectures.transformer import Transformer

_SCORE_BYTES = 12
"""Bytes per entry of the vocabulary and predicted position: the logit, its softmax and its gradient, in fp32."""


class LanguageModelSize(Transformer):
    """Sizes of a language model."""

    token_bytes: ClassVar[tuple[tuple[int, int], tuple[int, int]]]
    """Saved bytes per token and layer, in fp32 and in bf16, each as factors of the hidden size and of the intermediate
    size. Two of the former are one-byte dropout masks."""

    @abc.abstractmethod
    def encoder_parameters(self, inputs: Inputs) -> int:
        """Number of trained parameters without the head that predicts tokens; of a T5 those of the encoder."""

    def activation_bytes(
        self, inputs: Inputs, *, read: int | None = None, predicted: int | None = None
    ) -> int:
        """
        Args:
            read: tokens of a row that pass through each block. Default: all.
            predicted: positions of a row at which the vocabulary is scored. Default: all.
        """
        length = inputs.sequence_length
        read = length if read is None else read
        predicted = length if predicted is None else predicted
        # On the CPU, dropout of attention needs the attention scores in memory.
        attended = length if inputs.device == "cpu" and inputs.dropout else 0
        blocks = self.block_bytes(inputs.samples * read, *self.token_bytes[inputs.half], attended=attended)
        scores = inputs.samples * predicted * inputs.vocabulary_size
        return blocks + _SCORE_BYTES * min(scores, scores_at_once(inputs.device))


def scores_at_once(device: str) -> int:
    """How many scores of a vocabulary head are computed at once: 16 MB in fp32, on a GPU enough to use it fully."""
    return 1 << 22 if device == "cpu" else 1 << 27
