"""How many numbers a network has, counted without building it."""

from core.spec.model import Architecture, TransformerSize

_T5_BUCKETS = 32
"""Relative distances that T5 tells apart."""

LEARNED_POSITIONS: frozenset[Architecture] = frozenset({"bert", "gpt2"})
"""Networks that have a vector for each position: their weights are made for one sequence length."""


def count_parameters(
    architecture: Architecture, size: TransformerSize, *, vocabulary_size: int, positions: int
) -> int:
    """Parameters of a network with its pretraining head; weights that are shared count once."""
    count = {"bert": _bert, "gpt2": _gpt2, "llama": _llama, "modernbert": _modernbert, "t5": _t5}[
        architecture
    ]
    return count(size, vocabulary_size, positions)


def feature_predictor(hidden_size: int) -> int:
    """Parameters of the head that reconstructs features: two layers with biases, twice as wide between them."""
    return 2 * (2 * hidden_size * hidden_size) + 3 * hidden_size


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


def _llama(size: TransformerSize, vocabulary: int, _: int) -> int:
    """Its head is the embedding's matrix; positions are rotations."""
    hidden = size.hidden_size
    return vocabulary * hidden + size.layers * (_gated_block(size) + 2 * hidden) + hidden


def _modernbert(size: TransformerSize, vocabulary: int, _: int) -> int:
    """Norms without biases; the first layer has none before its attention, where the embeddings' own stands."""
    hidden = size.hidden_size
    blocks = size.layers * (_gated_block(size) + 2 * hidden) - hidden
    head = hidden * hidden + hidden + vocabulary
    return vocabulary * hidden + hidden + blocks + hidden + head


def _t5(size: TransformerSize, vocabulary: int, _: int) -> int:
    """Encoder and decoder; the decoder's blocks have a second attention, to the encoder, with a norm."""
    hidden = size.hidden_size
    encoder = _gated_block(size) + 2 * hidden
    decoder = encoder + 4 * hidden * hidden + hidden
    ends = 2 * (hidden + _T5_BUCKETS * size.heads)
    return vocabulary * hidden + size.layers * (encoder + decoder) + ends


def _block(size: TransformerSize) -> int:
    """Attention and feed-forward with biases, and their two norms."""
    hidden, intermediate = size.hidden_size, size.intermediate_size
    attention = 4 * (hidden * hidden + hidden)
    feed_forward = 2 * hidden * intermediate + intermediate + hidden
    return attention + feed_forward + 4 * hidden


def _gated_block(size: TransformerSize) -> int:
    """Attention and gated feed-forward without biases; norms not counted."""
    hidden = size.hidden_size
    return 4 * hidden * hidden + 3 * hidden * size.intermediate_size
