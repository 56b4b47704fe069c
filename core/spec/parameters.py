"""How many numbers a network has, counted without building it."""

from core.spec.model import Architecture, TransformerSize


def count_parameters(
    architecture: Architecture, size: TransformerSize, *, vocabulary_size: int, positions: int
) -> int:
    """Parameters of a network with its pretraining head; weights that are shared count once."""
    count = {"bert": _bert, "gpt2": _gpt2}[architecture]
    return count(size, vocabulary_size, positions)


def _bert(size: TransformerSize, vocabulary: int, positions: int) -> int:
    """With its masked language modelling head, whose decoder shares the embedding's matrix."""
    hidden = size.hidden_size
    embeddings = (vocabulary + positions + 2) * hidden + 2 * hidden  # two token types; a norm
    head = hidden * hidden + hidden + 2 * hidden + vocabulary
    return embeddings + size.layers * _block(size) + head


def _gpt2(size: TransformerSize, vocabulary: int, positions: int) -> int:
    """Its head is the embedding's matrix."""
    hidden = size.hidden_size
    return (vocabulary + positions) * hidden + size.layers * _block(size) + 2 * hidden


def _block(size: TransformerSize) -> int:
    """Attention and feed-forward with biases, and their two norms."""
    hidden, intermediate = size.hidden_size, size.intermediate_size
    attention = 4 * (hidden * hidden + hidden)
    feed_forward = 2 * hidden * intermediate + intermediate + hidden
    return attention + feed_forward + 4 * hidden
