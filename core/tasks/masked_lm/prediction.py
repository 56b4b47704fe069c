"""Fills masked positions of a text."""

import torch
from tokenizers import Tokenizer
from torch import Tensor

from core.networks.masked_language import MaskedNetwork, encode, transform, vocabulary
from core.objectives.predictions import Answering, Asked, with_gaps, within
from core.spec.predictions import FillMaskOptions

_MOST_MASKS = 20


def fill_mask(
    model: MaskedNetwork, tokenizer: Tokenizer, mask_id: int, length: int, asked: Asked
) -> Answering:
    """The likeliest tokens at each masked position, each position by itself.

    Args:
        length: Tokens that the network takes, the special ones included.
    """
    assert isinstance(asked.options, FillMaskOptions)
    name = str(tokenizer.id_to_token(mask_id))
    parts = with_gaps(asked.text, name, most=_MOST_MASKS)
    ids = tokenizer.encode(name.join(parts)).ids
    within(len(ids), length)
    places = [place for place, token in enumerate(ids) if token == mask_id]
    yield None
    # An uploaded network may have rows in its vocabulary that no token of its tokenizer stands for.
    known = torch.tensor(sorted(tokenizer.get_vocab().values()), device=model.device)
    shares = _probabilities(model, torch.tensor([ids], device=model.device), places, known)
    best, rows = shares.topk(min(asked.options.top_k, shares.shape[1]), dim=1)
    tokens = known[rows]
    masks = [
        {
            "position": place,
            "candidates": [
                {
                    "token": tokenizer.id_to_token(token),
                    "text": tokenizer.decode([token], skip_special_tokens=False),
                    "probability": share,
                }
                for share, token in zip(row_shares, row_tokens, strict=True)
            ],
        }
        for place, row_shares, row_tokens in zip(places, best.tolist(), tokens.tolist(), strict=True)
    ]
    filled = list(ids)
    for place, token in zip(places, tokens[:, 0].tolist(), strict=True):
        filled[place] = token
    return {"kind": "masks", "masks": masks, "text": tokenizer.decode(filled, skip_special_tokens=True)}


def _probabilities(model: MaskedNetwork, ids: Tensor, places: list[int], known: Tensor) -> Tensor:
    """Shape (masks, tokens in `known`), fp32."""
    matrix, bias = vocabulary(model)
    hidden = transform(model, encode(model, ids)[0, places])
    return torch.nn.functional.linear(hidden, matrix, bias).float()[:, known].softmax(dim=1)
