"""ModernBERT (Warner et al. 2024, arXiv 2412.13663) for masked language modelling, from `transformers`.

Rotary positions, gated feed-forward layers without biases, norms before each block. Attention spans the whole row in every
third layer, and 64 tokens on each side in the others.
"""

from transformers import ModernBertConfig
from transformers.models.modernbert.modeling_modernbert import ModernBertForMaskedLM

from core.data.text import SpecialIds
from core.networks.fresh import fresh
from core.spec.architectures.transformer import TransformerSize


def modernbert_config(
    size: TransformerSize, *, dropout: float, vocabulary_size: int, sequence_length: int, special: SpecialIds
) -> ModernBertConfig:
    """The configuration of ``transformers`` for a network of ``size``."""
    return ModernBertConfig(
        architectures=["ModernBertForMaskedLM"],
        vocab_size=vocabulary_size,
        hidden_size=size.hidden_size,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate_size,
        embedding_dropout=dropout,
        mlp_dropout=dropout,
        attention_dropout=dropout,
        max_position_embeddings=sequence_length,
        pad_token_id=special.pad,
        bos_token_id=special.cls,
        cls_token_id=special.cls,
        eos_token_id=special.sep,
        sep_token_id=special.sep,
        dtype="float32",
    )


def create_modernbert(config: ModernBertConfig, seed: int) -> ModernBertForMaskedLM:
    """A new network on the CPU. Its weights depend only on ``config`` and ``seed``."""
    return fresh(ModernBertForMaskedLM, config, seed)
