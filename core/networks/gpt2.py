"""GPT-2 (Radford et al. 2019, "Language Models are Unsupervised Multitask Learners") from `transformers`."""

from transformers import GPT2Config
from transformers.models.gpt2.modeling_gpt2 import GPT2LMHeadModel

from core.networks.fresh import fresh
from core.spec.architectures.transformer import TransformerSize


def gpt2_config(
    size: TransformerSize, *, dropout: float, vocabulary_size: int, sequence_length: int, end_id: int
) -> GPT2Config:
    """The configuration of ``transformers`` for a network of ``size``.

    It has as many positions as a sequence has tokens, because further positions would never be trained.
    """
    return GPT2Config(
        architectures=["GPT2LMHeadModel"],
        vocab_size=vocabulary_size,
        n_embd=size.hidden_size,
        n_layer=size.layers,
        n_head=size.heads,
        n_inner=size.intermediate_size,
        n_positions=sequence_length,
        resid_pdrop=dropout,
        embd_pdrop=dropout,
        attn_pdrop=dropout,
        bos_token_id=end_id,
        eos_token_id=end_id,
        dtype="float32",
    )


def create_gpt2(config: GPT2Config, seed: int) -> GPT2LMHeadModel:
    """A new network on the CPU. Its weights depend only on ``config`` and ``seed``."""
    return fresh(GPT2LMHeadModel, config, seed)
