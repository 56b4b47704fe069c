"""Samples continuations from a causal network; equal arguments give equal results."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.cache_utils import DynamicCache

from core.networks.causal_language import CausalNetwork, next_scores
from core.randomness import uniforms


def continuations(
    model: CausalNetwork,
    prompts: Tensor,
    samples: NDArray[np.int64],
    key: int,
    *,
    tokens: int,
    temperature: float,
    top_k: int,
    unknown: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Draw ``tokens`` tokens after each prompt, from the ``top_k`` most likely ones (Fan et al. 2018, arXiv 1805.04833).

    Args:
        prompts: token ids, shape (B, L), on the network's device.
        samples: ids of the prompts, shape (B,): each continuation's randomness is a function of (key, id).
        temperature: divisor of the scores, above 0; lower values prefer likelier tokens.
        unknown: rows of the vocabulary that no token stands for, which are never drawn.

    Returns:
        Shape (B, tokens).
    """
    draws = uniforms(key, samples, tokens, streams=1)[0]
    past = DynamicCache(config=model.config)
    drawn = np.empty((len(prompts), tokens), dtype=np.int64)
    inputs = prompts
    for place in range(tokens):
        scores = next_scores(model, inputs, past) / temperature
        if unknown is not None:
            scores[:, torch.from_numpy(unknown).to(scores.device)] = -torch.inf
        drawn[:, place] = _draw(scores, draws[:, place], min(top_k, scores.shape[1]))
        inputs = torch.from_numpy(drawn[:, place : place + 1]).to(prompts.device)
    return drawn


def _draw(scores: Tensor, draws: NDArray[np.float64], top_k: int) -> NDArray[np.int64]:
    """The outcome whose interval of the cumulative probability contains each draw."""
    best, ids = scores.topk(top_k, dim=1)
    shares = best.double().softmax(dim=1).cpu().numpy()
    chosen = (np.cumsum(shares, axis=1) <= draws[:, None]).sum(axis=1).clip(max=top_k - 1)
    found: NDArray[np.int64] = ids.cpu().numpy()[np.arange(len(draws)), chosen]
    return found
