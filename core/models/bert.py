"""BERT (Devlin et al. 2018, arXiv 1810.04805) for masked language modelling, from `transformers`."""

import torch
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertForMaskedLM

from core.models.dropout import use_cheap_dropout
from core.spec import TransformerSize
from core.training.randomness import derive_seed


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
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        model = BertForMaskedLM(config)
    use_cheap_dropout(model)
    return model
