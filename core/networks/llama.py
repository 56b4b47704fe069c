"""Llama (Touvron et al. 2023, arXiv 2302.13971) from `transformers`.

Rotary positions, RMS norms, gated feed-forward layers, no biases. The vocabulary head shares the embedding's matrix,
as in the small models of Llama 3.2: of a small network the two would be most of the weights.
"""

from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaForCausalLM

from core.networks.fresh import fresh
from core.spec.model import TransformerSize


def llama_config(
    size: TransformerSize, *, dropout: float, vocabulary_size: int, sequence_length: int, end_id: int
) -> LlamaConfig:
    """The configuration that ``transformers`` builds a network of ``size`` from. Its attention alone can drop."""
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
    """A fresh network on the CPU; its weights are a function of ``config`` and ``seed`` alone."""
    return fresh(LlamaForCausalLM, config, seed)
