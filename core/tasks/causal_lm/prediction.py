"""Continues a text, token by token."""

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers.cache_utils import DynamicCache

from core.networks.causal_language import CausalNetwork, next_scores
from core.objectives.predictions import Answering, Asked, GrowingText, draw, rows_without_token, within
from core.randomness import derive_seed, uniforms
from core.spec.predictions import SamplingOptions


def continue_text(
    model: CausalNetwork, tokenizer: Tokenizer, end_id: int, length: int, asked: Asked
) -> Answering:
    """Yield the text of each new token, until the text or the network's length ends.

    Args:
        end_id: The separator between documents; an empty text begins after it.
        length: Tokens that the network takes.
    """
    options = asked.options
    assert isinstance(options, SamplingOptions)
    ids = tokenizer.encode(asked.text, add_special_tokens=False).ids or [end_id]
    within(len(ids) + 1, length)
    number = min(options.max_tokens, length - len(ids))
    chances = uniforms(derive_seed(options.seed, "prediction"), np.zeros(1, np.int64), number, streams=1)
    past = DynamicCache(config=model.config)
    written = GrowingText(tokenizer)
    inputs = torch.tensor([ids], device=model.device)
    unknown = rows_without_token(tokenizer, model.config.vocab_size)
    drawn, finish = 0, "length"
    yield None
    for chance in chances[0, 0].tolist():
        scores = next_scores(model, inputs, past)[0].double().cpu().numpy()
        scores[unknown] = -np.inf
        token = draw(
            scores, chance, temperature=options.temperature, top_k=options.top_k, top_p=options.top_p
        )
        if token == end_id:
            finish = "end_of_text"
            break
        drawn += 1
        yield {"text": written.add(token)}
        inputs = torch.tensor([[token]], device=model.device)
    return {
        "kind": "text",
        "text": written.close(),
        "prompt_tokens": len(ids),
        "tokens": drawn,
        "finish": finish,
    }
