"""T5 (Raffel et al. 2019, arXiv 1910.10683), with version 1.1's gated feed-forward layers, from `transformers`.

Encoder and decoder have ``layers`` blocks each. Both embeddings and the vocabulary head share one matrix.
"""

from transformers import T5Config
from transformers.models.t5.modeling_t5 import T5ForConditionalGeneration

from core.networks.fresh import fresh
from core.spec.architectures.transformer import TransformerSize


def t5_config(
    size: TransformerSize, *, dropout: float, vocabulary_size: int, padding_id: int, end_id: int
) -> T5Config:
    """The configuration of ``transformers`` for a network of ``size``. The decoder's first token is padding."""
    config = T5Config(
        architectures=["T5ForConditionalGeneration"],
        vocab_size=vocabulary_size,
        d_model=size.hidden_size,
        d_kv=size.hidden_size // size.heads,
        d_ff=size.intermediate_size,
        num_layers=size.layers,
        num_heads=size.heads,
        dropout_rate=dropout,
        feed_forward_proj="gated-gelu",
        pad_token_id=padding_id,
        eos_token_id=end_id,
        dtype="float32",
    )
    config.decoder_start_token_id = padding_id
    return config


def create_t5(config: T5Config, seed: int) -> T5ForConditionalGeneration:
    """A new network on the CPU. Its weights depend only on ``config`` and ``seed``."""
    return fresh(T5ForConditionalGeneration, config, seed)
