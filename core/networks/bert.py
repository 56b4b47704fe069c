"""BERT (Devlin et al. 2018, arXiv 1810.04805) for masked language modelling, from `transformers`."""

from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertForMaskedLM

from core.networks.fresh import fresh
from core.spec.architectures.transformer import TransformerSize


def bert_config(
    size: TransformerSize,
    *,
    dropout: float,
    vocabulary_size: int,
    sequence_length: int,
    padding_id: int | None,
) -> BertConfig:
    """The configuration of ``transformers`` for a network of ``size``.

    It has as many positions as a sequence has tokens, because further positions would never be trained.
    """
    return BertConfig(
        architectures=["BertForMaskedLM"],
        vocab_size=vocabulary_size,
        hidden_size=size.hidden_size,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        intermediate_size=size.intermediate_size,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        max_position_embeddings=sequence_length,
        pad_token_id=padding_id,
        dtype="float32",
    )


def create_bert(config: BertConfig, seed: int) -> BertForMaskedLM:
    """A new network on the CPU. Its weights depend only on ``config`` and ``seed``."""
    return fresh(BertForMaskedLM, config, seed)
