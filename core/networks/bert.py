"""BERT (Devlin et al. 2018, arXiv 1810.04805) for masked language modelling, from `transformers`."""

from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertForMaskedLM

from core.networks.fresh import fresh
from core.spec.model import TransformerSize


def bert_config(
    size: TransformerSize,
    *,
    dropout: float,
    vocabulary_size: int,
    sequence_length: int,
    padding_id: int | None,
) -> BertConfig:
    """The configuration that ``transformers`` builds a network of ``size`` from.

    There are as many positions as a sequence has tokens: more would never be trained.
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
    """A fresh network on the CPU; its weights are a function of ``config`` and ``seed`` alone."""
    return fresh(BertForMaskedLM, config, seed)
