"""Llama (Touvron et al. 2023, arXiv 2302.13971) from `transformers`.

Rotary positions, RMS norms, gated feed-forward layers, no biases. The vocabulary head shares the matrix of the embedding,
as in the small models of Llama 3.2, because in a small network two separate matrices would be most of the weights.
"""

from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaForCausalLM

from core.networks.fresh import fresh
from core.spec.architectures.transformer import TransformerSize


def llama_config(
    size: TransformerSize, *, dropout: float, vocabulary_size: int, sequence_length: int, end_id: int
) -> LlamaConfig:
    """The configuration of ``transformers`` for a network of ``size``. Only its attention has dropout."""
    return LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=vocabulary_size,
        hidden_size=size.hidden_size,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate_size,
        max_position_embeddings=sequence_length,
        attention_dropout=dropout,
        tie_word_embeddings=True,
        bos_token_id=end_id,
        eos_token_id=end_id,
        dtype="float32",
    )


def create_llama(config: LlamaConfig, seed: int) -> LlamaForCausalLM:
    """A new network on the CPU. Its weights depend only on ``config`` and ``seed``."""
    return fresh(LlamaForCausalLM, config, seed)
