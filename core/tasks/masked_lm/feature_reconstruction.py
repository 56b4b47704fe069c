"""A second loss: predict the clean text's features from the masked text.

The targets are layer-normalised without weights and take no gradient, as in data2vec (Baevski et al. 2022, arXiv
2202.03555); they come from the current network, not from a moving average of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from core.networks.masked_language import MaskedNetwork, encode
from core.randomness import derive_seed


class FeaturePredictor(nn.Module):
    """A head from a hidden state to a feature, both of ``width``: two layers with a hidden width of twice that."""

    def __init__(self, width: int, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(seed, "feature predictor"))
            self.inner = nn.Linear(width, 2 * width)
            self.outer = nn.Linear(2 * width, width)

    def forward(self, hidden: Tensor) -> Tensor:
        """Shape (N, H) to (N, H)."""
        predicted: Tensor = self.outer(functional.gelu(self.inner(hidden)))
        return predicted


@torch.no_grad()
def clean_features(
    model: MaskedNetwork,
    clean: Tensor,
    positions: Tensor | None,
    mask: Tensor | None,
    target: Literal["hidden", "embeddings"],
) -> Tensor:
    """The target at each position of a clean text (B, L): shape (B, L, H), fp32.

    Each feature has mean 0 and variance 1 over H, so that neither shrinking nor growing features changes the loss.
    """
    if target == "embeddings":
        features = model.get_input_embeddings()(clean)
    else:
        with _evaluating(model):
            features = encode(model, clean, positions, mask)
    return functional.layer_norm(features.float(), features.shape[-1:])


def feature_loss(predicted: Tensor, features: Tensor, counts: Tensor) -> Tensor:
    """Squared error, mean over the feature's values, summed over the positions that count.

    Always predicting the mean, 0, gives 1.

    Args:
        predicted: shape (N, H).
        features: shape (N, H), normalised.
        counts: true at positions that count, shape (N,).
    """
    errors = (predicted.float() - features).square().mean(dim=1)
    return (errors * counts).sum()


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """A context manager without dropout; afterwards the network is in its former mode."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
