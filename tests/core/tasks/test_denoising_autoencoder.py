"""Noise of each kind, and the loss."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.tasks.denoising_autoencoder.objective import draw_noise
from core.tasks.denoising_autoencoder.spec import DenoisingAutoencoder
from tests.core.tasks.gradients import assert_same_gradients
from tests.core.tasks.image_tasks import coloured_pictures, create, image_job


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


def noise(kind: str, level: float) -> torch.Tensor:
    task = DenoisingAutoencoder.model_validate(
        {"kind": "denoising_autoencoder", "noise": kind, "noise_level": level}
    )
    drawn = draw_noise(task, np.arange(40), 5, channels=3, side=20)
    assert drawn is not None
    return drawn


def test_the_amount_of_noise_matches_its_level() -> None:
    gaussian = noise("gaussian", 0.3)
    assert gaussian.shape == (40, 3, 20, 20)
    assert gaussian.std().item() == pytest.approx(0.3, rel=0.02)
    masked = noise("masking", 0.3)
    assert masked.shape == (40, 1, 20, 20)
    assert masked.float().mean().item() == pytest.approx(0.3, rel=0.05)
    marks = noise("salt_and_pepper", 0.3)
    assert (marks != 0).float().mean().item() == pytest.approx(0.3, rel=0.05)
    assert (marks > 0).sum().item() == pytest.approx((marks < 0).sum().item(), rel=0.1)


@pytest.mark.parametrize("kind", ["none", "gaussian", "masking", "salt_and_pepper"])
def test_only_values_selected_by_the_noise_are_changed(kind: str, pictures: Path, cache: Path) -> None:
    document = image_job("autoencoder")
    document["task"] = document["task"] | {"noise": kind}
    _, data, objective = create(document, pictures, cache)
    ids = np.arange(4)
    rows = objective.samples("train").rows(ids)
    drawn = objective.collate(rows, ids, 5).tensors.get("noise")
    images = objective.normalised(objective.pixels(rows))
    damaged = objective.denormalised(objective.damaged(images, drawn))
    clean = torch.from_numpy(rows).permute(0, 3, 1, 2) / 255
    if drawn is None:
        torch.testing.assert_close(damaged, clean)
        return
    if kind == "gaussian":
        torch.testing.assert_close(
            (damaged - clean) / torch.tensor(data.std)[:, None, None], drawn, atol=1e-4, rtol=1e-3
        )
        return
    where = (drawn != 0).expand_as(clean)
    torch.testing.assert_close(damaged[~where], clean[~where])
    if kind == "masking":
        mean = torch.tensor(data.mean)[:, None, None].expand_as(clean)
        torch.testing.assert_close(damaged[where], mean[where])
    else:
        torch.testing.assert_close(
            damaged[where], ((drawn + 1) / 2.0).expand_as(clean)[where], atol=1e-5, rtol=0
        )


def slow_loss(objective: Any, data: Any, rows: np.ndarray, marks: torch.Tensor | None) -> torch.Tensor:
    """Image by image and channel by channel: the mean of ‖x - g(f(x̃))‖² over its values."""
    total = torch.zeros(())
    for number, row in enumerate(rows):
        clean = torch.stack(
            [
                (torch.from_numpy(row[:, :, c]).float() / 255 - mean) / std
                for c, (mean, std) in enumerate(zip(data.mean, data.std, strict=True))
            ]
        )
        damaged = clean.clone()
        for c, (mean, std) in enumerate(zip(data.mean, data.std, strict=True)):
            if marks is None:
                continue
            if objective.task.noise == "gaussian":
                damaged[c] += marks[number, c]
            elif objective.task.noise == "masking":
                damaged[c][marks[number, 0]] = 0.0
            else:
                damaged[c][marks[number, 0] < 0] = (0.0 - mean) / std
                damaged[c][marks[number, 0] > 0] = (1.0 - mean) / std
        rebuilt = objective.rebuild(damaged[None])[0]
        for c in range(len(clean)):
            total = total + ((rebuilt[c] - clean[c]) ** 2).sum() / clean.numel()
    return total


@pytest.mark.parametrize("kind", ["none", "gaussian", "masking", "salt_and_pepper"])
@pytest.mark.parametrize(("batch", "size", "channels"), [(3, 16, 3), (1, 15, 1)])
def test_loss_and_gradients_are_the_formulas(
    kind: str, batch: int, size: int, channels: int, pictures: Path, cache: Path
) -> None:
    document = image_job("autoencoder", size=size, channels=channels)
    document["task"] = document["task"] | {"noise": kind}
    _, data, objective = create(document, pictures, cache)
    objective.eval()
    ids = np.arange(batch)
    rows = objective.samples("train").rows(ids)
    made = objective.collate(rows, ids, 5)
    assert made.count == batch
    expected = slow_loss(objective, data, rows, made.tensors.get("noise"))
    assert_same_gradients(objective, objective(made).total, expected)
    assert objective.encode(rows).shape == (batch, 8), "the code is the representation"


def test_an_autoencoder_learns_to_reconstruct(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("autoencoder"), pictures, cache)
    optimizer = torch.optim.Adam(objective.parameters(), lr=1e-2)
    ids = np.arange(16)
    rows = objective.samples("train").rows(ids)
    losses = []
    for step in range(20):
        loss = objective(objective.collate(rows, ids, step)).total / 16
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]
