"""Fills the gaps of a text, token by token."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.models.t5.modeling_t5 import T5ForConditionalGeneration

from core.objectives.predictions import (
    MASK,
    Answering,
    Asked,
    GrowingText,
    InputError,
    draw,
    rows_without_token,
    with_gaps,
    within,
)
from core.randomness import derive_seed, uniforms
from core.spec.predictions import SamplingOptions


def infill(
    model: T5ForConditionalGeneration,
    tokenizer: Tokenizer,
    *,
    sentinel_ids: Sequence[int],
    end_id: int,
    start_id: int,
    length: int,
    asked: Asked,
) -> Answering:
    """Yield the text of each new token with the number of its gap, until every gap is filled.

    Args:
        sentinel_ids: Tokens that stand for gaps, in the order of their numbers.
        start_id: The decoder's first token.
        length: Tokens that the encoder takes.
    """
    options = asked.options
    assert isinstance(options, SamplingOptions)
    parts = _parts(asked.text, tokenizer, sentinel_ids)
    ids: list[int] = []
    for number, part in enumerate(parts):
        ids += tokenizer.encode(part, add_special_tokens=False).ids if part else []
        if number < len(parts) - 1:
            ids.append(sentinel_ids[number])
    ids.append(end_id)
    within(len(ids), length)
    gaps = [GrowingText(tokenizer) for _ in parts[1:]]
    numbers = {token: number for number, token in enumerate(sentinel_ids)}
    network: Any = model
    read = network.encoder(input_ids=torch.tensor([ids], device=model.device)).last_hidden_state
    past = EncoderDecoderCache(DynamicCache(config=model.config), DynamicCache(config=model.config))
    chances = uniforms(
        derive_seed(options.seed, "prediction"), np.zeros(1, np.int64), options.max_tokens, streams=1
    )
    unknown = rows_without_token(tokenizer, model.config.vocab_size)
    inputs, gap, drawn, finish = start_id, -1, 0, "length"
    yield None
    for chance in chances[0, 0].tolist():
        scores = _scores(network, read, past, inputs)
        scores[unknown] = -np.inf
        token = draw(
            scores, chance, temperature=options.temperature, top_k=options.top_k, top_p=options.top_p
        )
        inputs = token
        drawn += 1
        if token in numbers:
            gap = numbers[token]
        if token == end_id or gap >= len(gaps):
            finish = "end_of_text"
            break
        if token not in numbers and gap >= 0:
            yield {"gap": gap, "text": gaps[gap].add(token)}
        else:
            yield None
    filled = [gap_text.close().strip() for gap_text in gaps]
    text = parts[0] + "".join(fill + part for fill, part in zip(filled, parts[1:], strict=True))
    return {"kind": "gaps", "gaps": filled, "text": text, "tokens": drawn, "finish": finish}


def _parts(text: str, tokenizer: Tokenizer, sentinel_ids: Sequence[int]) -> list[str]:
    """The text between its gaps, which may also be written as sentinels, in their order."""
    for number, token in enumerate(sentinel_ids):
        name = str(tokenizer.id_to_token(token))
        if name not in text:
            break
        before, _, after = text.partition(name)
        if any(str(tokenizer.id_to_token(later)) in before for later in sentinel_ids[number + 1 :]):
            raise InputError("mask_order", f"The gaps must be in order; {name} comes too late.", token=name)
        text = before + MASK + after
    return with_gaps(text, MASK, most=len(sentinel_ids))


def _scores(network: Any, read: torch.Tensor, past: EncoderDecoderCache, token: int) -> Any:
    """Scores of the next token, shape (V,)."""
    hidden = network.decoder(
        input_ids=torch.tensor([[token]], device=read.device),
        encoder_hidden_states=read,
        past_key_values=past,
        use_cache=True,
    ).last_hidden_state
    if network.config.scale_decoder_outputs:
        hidden = hidden * network.model_dim**-0.5
    return network.lm_head(hidden[:, -1])[0].double().cpu().numpy()
