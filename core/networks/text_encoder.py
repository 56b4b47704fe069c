"""The encoders of text, BERT, ModernBERT, GPT-2, Llama and T5's encoder, as implementations of `core.networks.encoder.Encoder`.

Features are the mean of the last hidden states without padding, also for causal networks: only their last token attends to
the whole text, but its state is trained to predict the next token.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.bert.modeling_bert import BertPreTrainedModel
from transformers.models.gpt2.modeling_gpt2 import GPT2PreTrainedModel
from transformers.models.llama.modeling_llama import LlamaPreTrainedModel
from transformers.models.modernbert.modeling_modernbert import ModernBertPreTrainedModel
from transformers.models.t5.modeling_t5 import T5EncoderModel, T5ForTokenClassification, T5PreTrainedModel

from core.checkpoints.longer_vocabulary import config_in, with_further_rows
from core.networks import causal_language, masked_language
from core.networks.encoder import Encoder, fitting, read_network, write_network

_SHARED = "encoder.embed_tokens.weight"
"""The second name of T5's embeddings."""


class LanguageEncoder(Encoder):
    """A network of text without its head: one that predicts tokens, or one of fine-tuning."""

    def __init__(self, model: PreTrainedModel) -> None:
        self.model: Any = model

    @property
    def body(self) -> Any:
        if is_causal(self.model):
            return causal_language.body(self.model)
        return masked_language.body(self.model)

    @property
    def width(self) -> int:
        return int(self.model.config.hidden_size)

    @property
    def blocks(self) -> Sequence[nn.Module]:
        if isinstance(self.model, BertPreTrainedModel):
            return list(self.body.encoder.layer)
        return list(self.body.h if isinstance(self.model, GPT2PreTrainedModel) else self.body.layers)

    def tokens(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:
        if is_causal(self.model):
            return causal_language.encode(self.model, inputs, mask=visible(real, causal=True))
        assert isinstance(self.model, BertPreTrainedModel | ModernBertPreTrainedModel)
        return masked_language.encode(self.model, inputs, mask=visible(real, causal=False))

    def load(self, directory: Path, added: range | None = None) -> None:
        """
        Args:
            added: Ids of tokens that the checkpoint does not know, and that the network has rows for.
        """
        options = {"add_pooling_layer": False} if isinstance(self.model, BertPreTrainedModel) else {}
        weights = _read(type(self.body), directory, self.model.config, added, options)
        # BERT's pooler belongs to the head of a classifier, and pretraining has none.
        pooler = {name: t for name, t in self.body.state_dict().items() if name.startswith("pooler.")}
        with fitting(directory):
            self.body.load_state_dict({**weights, **pooler})

    def save(self, directory: Path) -> None:
        write_network(directory, self.model.config, type(self.body).__name__, self.body.state_dict())


class T5Encoder(Encoder):
    """T5's encoder with the embeddings and without the decoder, for ``T5EncoderModel``."""

    def __init__(self, model: T5PreTrainedModel) -> None:
        self.model: Any = model

    @property
    def width(self) -> int:
        return int(self.model.config.d_model)

    @property
    def body(self) -> nn.Module:
        found: nn.Module = self.model.encoder
        return found

    @property
    def blocks(self) -> Sequence[nn.Module]:
        return list(self.model.encoder.block)

    def tokens(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:
        mask = visible(real, causal=False)
        hidden: Tensor = self.model.encoder(input_ids=inputs, attention_mask=mask).last_hidden_state
        return hidden

    def load(self, directory: Path, added: range | None = None) -> None:
        """
        Args:
            added: Ids of tokens that the checkpoint does not know, and that the network has rows for.
        """
        found = _read(T5EncoderModel, directory, self.model.config, added, {})
        begin = "encoder."
        weights = {name.removeprefix(begin): t for name, t in found.items() if name.startswith(begin)}
        with fitting(directory):
            self.model.encoder.load_state_dict(weights)

    def save(self, directory: Path) -> None:
        weights = {f"encoder.{name}": tensor for name, tensor in self.model.encoder.state_dict().items()}
        weights["shared.weight"] = weights[_SHARED]
        write_network(directory, self.model.config, T5EncoderModel.__name__, weights, tied=(_SHARED,))


def _read(
    kind: Any, directory: Path, config: Any, added: range | None, options: dict[str, Any]
) -> Mapping[str, Tensor]:
    """The weights of a network of class ``kind`` in a directory, by their names in it, with rows for the tokens ``added``."""
    if added is None:
        return read_network(kind, directory, config, **options).state_dict()
    with fitting(directory):
        there = config_in(directory, config)
    weights = read_network(kind, directory, there, **options).state_dict()
    return with_further_rows(weights, kind, config, added, **options)


def text_encoder(model: PreTrainedModel) -> LanguageEncoder | T5Encoder:
    """The encoder of any network that a text task trains."""
    if isinstance(model, T5ForTokenClassification):
        return T5Encoder(model.transformer)
    return T5Encoder(model) if isinstance(model, T5PreTrainedModel) else LanguageEncoder(model)


def is_causal(model: PreTrainedModel) -> bool:
    """Whether a token attends only to itself and to tokens before it."""
    return isinstance(model, GPT2PreTrainedModel | LlamaPreTrainedModel)


def visible(real: Tensor | None, *, causal: bool) -> Tensor | None:
    """True where a token attends to another, (B, 1, L, L): to those without padding and to itself.

    None where there is no padding.
    """
    if real is None:
        return None
    length = real.shape[1]
    itself = torch.eye(length, dtype=torch.bool, device=real.device)
    visible = real[:, None, None, :] | itself
    return visible.tril() if causal else visible
