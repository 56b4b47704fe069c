"""wav2vec 2.0's losses against the paper's formulas, one frame at a time."""

import math

import numpy as np
import pytest
import torch

from core.tasks.wav2vec2.losses import (
    codebook_perplexity,
    diversity,
    quantized_contrastive,
)

B, M, P, G, K = 3, 7, 5, 2, 4
COUNTS = (7, 4, 1)


def made(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    codes = torch.randint(3, (B, M, G), generator=generator)
    table = torch.randn(3, 3, P, generator=generator)
    negatives = torch.stack([torch.randint(count, (M, K), generator=generator) for count in COUNTS])
    return {
        "predictions": torch.randn(B, M, P, generator=generator).requires_grad_(),
        "targets": table[codes[..., 0], codes[..., 1]].requires_grad_(),
        "codes": codes,
        "negatives": negatives,
        "within": torch.arange(M) < torch.tensor(COUNTS)[:, None],
    }


def slow(predictions: torch.Tensor, targets: torch.Tensor, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """Equation 3, with cosine similarities."""
    total = torch.zeros(())
    for row, count in enumerate(COUNTS):
        for m in range(count):
            candidates = [
                m,
                *(
                    other
                    for other in inputs["negatives"][row, m].tolist()
                    if not torch.equal(inputs["codes"][row, other], inputs["codes"][row, m])
                ),
            ]
            scores = [
                math.e ** (torch.cosine_similarity(predictions[row, m], targets[row, candidate], dim=0) / 0.1)
                for candidate in candidates
            ]
            total = total - torch.log(scores[0] / torch.stack(scores).sum())
    return total


def test_loss_and_gradients_are_the_papers() -> None:
    inputs = made()
    loss, correct = quantized_contrastive(**inputs, temperature=0.1)
    gradients = torch.autograd.grad(loss, (inputs["predictions"], inputs["targets"]))
    expected = slow(inputs["predictions"], inputs["targets"], inputs)
    slow_gradients = torch.autograd.grad(expected, (inputs["predictions"], inputs["targets"]))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    for found, wanted in zip(gradients, slow_gradients, strict=True):
        assert torch.allclose(found, wanted, atol=1e-4)
    assert not gradients[0][~inputs["within"]].any()
    assert 0 <= correct.item() <= sum(COUNTS)


def test_a_frame_is_correct_if_its_own_target_is_nearest() -> None:
    inputs = made(1)
    inputs["codes"] = torch.arange(B * M * G).reshape(B, M, G)
    inputs["targets"] = torch.randn(B, M, P, generator=torch.Generator().manual_seed(2))
    inputs["negatives"] = (torch.arange(M)[None, :, None] + 1 + torch.arange(K)).remainder(M).expand(B, M, K)
    inputs["within"] = torch.ones(B, M, dtype=torch.bool)
    right = quantized_contrastive(**inputs | {"predictions": inputs["targets"]}, temperature=0.1)[1]
    wrong = quantized_contrastive(**inputs | {"predictions": -inputs["targets"]}, temperature=0.1)[1]
    assert right.item() == B * M
    assert wrong.item() < B * M / 4


def test_the_loss_of_a_single_frame_is_zero() -> None:
    """Its only negative is itself."""
    inputs = made()
    inputs["within"] = torch.zeros(B, M, dtype=torch.bool)
    inputs["within"][2, 0] = True
    assert quantized_contrastive(**inputs, temperature=0.1)[0].item() == pytest.approx(0.0, abs=1e-6)


def test_perplexity_counts_the_words_in_use() -> None:
    shares = torch.zeros(6, 2, 8)
    shares[:, 0, 3] = 1.0  # one code word for all frames
    shares[range(6), 1, [0, 1, 2, 3, 0, 0]] = 1.0  # four code words equally often over the first four frames
    within = torch.tensor([True, True, True, True, False, False])
    found = codebook_perplexity(shares, within)
    assert found.item() == pytest.approx(1.0 + 4.0)
    assert diversity(found, 16).item() == pytest.approx((16 - 5) / 16)

    random = torch.rand(6, 2, 8, generator=torch.Generator().manual_seed(0)).softmax(-1)
    mean = random[:4].numpy().astype(np.float64).mean(axis=0)
    expected = sum(math.exp(-sum(p * math.log(p) for p in group)) for group in mean)
    assert codebook_perplexity(random, within).item() == pytest.approx(expected, rel=1e-5)
