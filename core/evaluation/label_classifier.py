"""A small classifier trained on a dataset's labels, whose features are used to compare generated images.

It depends only on the dataset (its training split and a fixed seed), not on the job. So all runs on one dataset measure
distances in the same features, bit-identical on the same machine.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from core.data import Samples, sample_indices
from core.randomness import derive_seed

NAME = "label_cnn"
"""The suffix in the names of metrics that use its features."""
FEATURES = 64

_BATCH, _RATE = 128, 2e-3


class LabelClassifier(nn.Module):
    """Images in -1 … 1 of shape (B, C, S, S) to 64 features, and features to class scores."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        widths = [channels, 32, 64, 128]
        layers: list[nn.Module] = []
        for before, after in zip(widths[:-1], widths[1:], strict=True):  # noqa: RUF007 - pairs of consecutive widths
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.ReLU(),
            ]
        self.maps = nn.Sequential(*layers)
        self.to_features = nn.Linear(widths[-1], FEATURES)
        self.scores = nn.Linear(FEATURES, classes)

    def features(self, images: Tensor) -> Tensor:
        """Shape (B, 64)."""
        return functional.relu(self.to_features(self.maps(images).mean(dim=(2, 3))))

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.scores(self.features(images))
        return scores


def train_classifier(
    network: LabelClassifier, samples: Samples, labels: NDArray[np.int64], *, steps: int = 400
) -> None:
    """Train the network on the labelled ones of ``samples``, uint8 (N, S, S, C). The result is the same each time.

    Args:
        labels: Shape (N,), -1 where there is none.
        steps: Number of steps, with 128 images each.
    """
    device = next(network.parameters()).device
    known = np.flatnonzero(labels >= 0)
    seed = derive_seed(0, NAME)
    with torch.random.fork_rng(devices=[]), torch.enable_grad(), torch.autocast(device.type, enabled=False):
        torch.manual_seed(seed)
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d):
                module.reset_parameters()
        network.train().requires_grad_(True)
        optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.01, fused=True)
        for step in range(1, steps + 1):
            chosen = known[sample_indices(seed, step, min(_BATCH, len(known)), len(known))]
            images = to_signed(torch.from_numpy(samples.rows(chosen)).to(device))
            loss = functional.cross_entropy(network(images), torch.from_numpy(labels[chosen]).to(device))
            loss.backward()  # type: ignore[no-untyped-call]
            for group in optimizer.param_groups:
                group["lr"] = _RATE * (1 - (step - 1) / steps)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    network.eval().requires_grad_(False)


def to_signed(images: Tensor) -> Tensor:
    """uint8 images (B, S, S, C) as values in -1 … 1, (B, C, S, S)."""
    return images.permute(0, 3, 1, 2).float() / 127.5 - 1.0
