"""Networks for masked language modelling, with one interface for all architectures."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.bert.modeling_bert import BertForMaskedLM
from transformers.models.modernbert.modeling_modernbert import (
    ModernBertForMaskedLM,
    ModernBertPreTrainedModel,
)

from core.data.text import SpecialIds
from core.networks.bert import bert_config, create_bert
from core.networks.modernbert import create_modernbert, modernbert_config
from core.networks.settings import as_it_is
from core.spec.architectures.transformer import TransformerSize
from core.spec.model import Architecture

MaskedNetwork = BertForMaskedLM | ModernBertForMaskedLM


def create_masked_network(
    architecture: Architecture,
    size: TransformerSize,
    *,
    dropout: float,
    vocabulary_size: int,
    sequence_length: int,
    special: SpecialIds,
    seed: int,
    configured: Callable[[Any], Any] = as_it_is,
) -> MaskedNetwork:
    """A new network of ``architecture`` on the CPU.

    Args:
        configured: Changes its configuration, as `core.networks.settings.as_configured` does.
    """
    if architecture == "modernbert":
        modern = modernbert_config(
            size,
            dropout=dropout,
            vocabulary_size=vocabulary_size,
            sequence_length=sequence_length,
            special=special,
        )
        return create_modernbert(configured(modern), seed)
    config = bert_config(
        size,
        dropout=dropout,
        vocabulary_size=vocabulary_size,
        sequence_length=sequence_length,
        padding_id=special.pad,
    )
    bert = create_bert(configured(config), seed)
    if not bert.config.tie_word_embeddings:
        # `transformers` adds this bias only through the decoder's, which then is another one.
        bert.cls.predictions.bias.requires_grad_(False)
    return bert


def body(model: PreTrainedModel) -> nn.Module:
    """The network without its head, whichever it has."""
    network: Any = model
    found: nn.Module = network.model if isinstance(model, ModernBertPreTrainedModel) else network.bert
    return found


def encode(
    model: PreTrainedModel, inputs: Tensor, positions: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """Hidden states of the last layer, shape (B, L, H).

    Args:
        inputs: Token ids, shape (B, L).
        positions: Position of each token, shape (B, L). None: 0 … L - 1.
        mask: True where a token attends to another, shape (B, 1, L, L). None: everywhere.
    """
    attention = attention_of(model, inputs, mask)
    hidden: Tensor = body(model)(
        input_ids=inputs, position_ids=positions, attention_mask=attention
    ).last_hidden_state
    return hidden


def attention_of(model: PreTrainedModel, inputs: Tensor, mask: Tensor | None) -> Any:
    """``mask``, (B, 1, L, L), in the form that the network's ``forward`` takes it, for token ids (B, L)."""
    if not isinstance(model, ModernBertPreTrainedModel):
        return mask
    return {"full_attention": mask, "sliding_attention": _within_window(model, mask, inputs)}


def transform(model: MaskedNetwork, hidden: Tensor) -> Tensor:
    """The layers of the head before its vocabulary matrix, shape (…, H)."""
    if isinstance(model, ModernBertForMaskedLM):
        found: Tensor = model.head(hidden)
    else:
        found = model.cls.predictions.transform(hidden)
    return found


def vocabulary(model: MaskedNetwork) -> tuple[Tensor, Tensor]:
    """The vocabulary matrix (V, H) and its bias (V,)."""
    decoder = model.decoder if isinstance(model, ModernBertForMaskedLM) else model.cls.predictions.decoder
    return decoder.weight, decoder.bias


def _within_window(model: PreTrainedModel, mask: Tensor | None, inputs: Tensor) -> Tensor | None:
    """``mask``, limited to ModernBERT's window on each side."""
    length = inputs.shape[1]
    window = int(model.config.sliding_window) if isinstance(model, ModernBertPreTrainedModel) else length
    if length - 1 <= window:
        return mask
    places = torch.arange(length, device=inputs.device)
    near: Tensor = (places[:, None] - places).abs() <= window
    return near[None, None] if mask is None else mask & near
