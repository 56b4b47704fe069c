"""Networks for causal language modelling, with one interface for all architectures."""

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.cache_utils import Cache
from transformers.models.gpt2.modeling_gpt2 import GPT2LMHeadModel
from transformers.models.llama.modeling_llama import LlamaForCausalLM, LlamaPreTrainedModel

from core.networks.gpt2 import create_gpt2, gpt2_config
from core.networks.llama import create_llama, llama_config
from core.networks.settings import as_it_is
from core.spec.architectures.transformer import TransformerSize
from core.spec.model import Architecture

CausalNetwork = GPT2LMHeadModel | LlamaForCausalLM


def create_causal_network(
    architecture: Architecture,
    size: TransformerSize,
    *,
    dropout: float,
    vocabulary_size: int,
    sequence_length: int,
    end_id: int,
    seed: int,
    configured: Callable[[Any], Any] = as_it_is,
) -> CausalNetwork:
    """A new network of ``architecture`` on the CPU.

    Args:
        configured: Changes its configuration, as `core.networks.settings.as_configured` does.
    """
    if architecture == "llama":
        llama = llama_config(
            size,
            dropout=dropout,
            vocabulary_size=vocabulary_size,
            sequence_length=sequence_length,
            end_id=end_id,
        )
        return create_llama(configured(llama), seed)
    gpt2 = gpt2_config(
        size, dropout=dropout, vocabulary_size=vocabulary_size, sequence_length=sequence_length, end_id=end_id
    )
    return create_gpt2(configured(gpt2), seed)


def body(model: PreTrainedModel) -> nn.Module:
    """The network without its head, whichever it has."""
    network: Any = model
    found: nn.Module = network.model if isinstance(model, LlamaPreTrainedModel) else network.transformer
    return found


def encode(
    model: PreTrainedModel, inputs: Tensor, positions: Tensor | None = None, mask: Tensor | None = None
) -> Tensor:
    """Hidden states of the last layer, shape (B, L, H).

    Args:
        inputs: Token ids, shape (B, L).
        positions: Position of each token, shape (B, L). None: 0 … L - 1.
        mask: True where a token attends to another, shape (B, 1, L, L). None: each attends to itself and all before it.
    """
    hidden: Tensor = body(model)(
        input_ids=inputs, position_ids=positions, attention_mask=mask, use_cache=False
    ).last_hidden_state
    return hidden


def next_scores(model: CausalNetwork, inputs: Tensor, past: Cache) -> Tensor:
    """Scores (logits) of the token that follows ``inputs`` (B, L), which follow ``past``; shape (B, V), fp32.

    Never compiled, because each length would need a compilation of its own.
    """
    hidden = body(model).forward(input_ids=inputs, past_key_values=past, use_cache=True).last_hidden_state
    scores: Tensor = model.lm_head(hidden[:, -1]).float()
    return scores
