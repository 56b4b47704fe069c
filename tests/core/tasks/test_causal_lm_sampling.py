"""Continuations, compared with the plain way: the whole text through the network for each token."""

import numpy as np
import pytest
import torch

from core.networks.causal_language import create_causal_network
from core.randomness import uniforms
from core.spec.architectures.transformer import TransformerSize
from core.tasks.causal_lm.sampling import continuations

SIZE = TransformerSize(layers=2, hidden_size=16, heads=2, intermediate_size=32)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
@torch.no_grad()
def test_tokens_are_drawn_from_the_likeliest_by_inverse_distribution(architecture: str) -> None:
    network = create_causal_network(
        architecture,  # type: ignore[arg-type]
        SIZE,
        dropout=0.3,
        vocabulary_size=50,
        sequence_length=20,
        end_id=3,
        seed=0,
    ).eval()
    for parameter in network.parameters():
        parameter.mul_(4)  # so that some tokens are more likely than others
    prompts, samples = torch.randint(0, 50, (4, 5)), np.array([7, 0, 3, 9])
    drawn = continuations(network, prompts, samples, key=1, tokens=12, temperature=0.7, top_k=8)

    draws = uniforms(1, samples, 12, streams=1)[0]
    for row in range(4):
        ids = prompts[row].tolist()
        for place in range(12):
            scores = network(torch.tensor([ids])).logits[0, -1].double() / 0.7
            best = scores.topk(8)
            cumulated = best.values.softmax(0).cumsum(0).tolist()
            choice = next(i for i, share in enumerate(cumulated) if draws[row, place] < share or i == 7)
            ids.append(int(best.indices[choice]))
        assert drawn[row].tolist() == ids[5:]

    alone = continuations(network, prompts[2:3], samples[2:3], key=1, tokens=12, temperature=0.7, top_k=8)
    assert (alone[0] == drawn[2]).all()
