"""RotNet's task against its formula."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.networks.vision import features
from core.spec.problems import SpecError, validate
from tests.core.image_jobs import create, image_job, striped_images


def reference(objective: Any, rows: Any) -> torch.Tensor:
    """Minus the log-probability of the true rotation, one rotated image after the other."""
    total = torch.zeros(())
    for row in rows:
        for turns in range(4):
            turned = np.rot90(row, turns).copy()
            values = torch.from_numpy(turned).permute(2, 0, 1)[None].float() / 255
            pixels = (values - objective.mean) / objective.std
            scores = objective.head(features(objective.encoder, pixels))[0]
            total = total - (scores[turns] - torch.logsumexp(scores, 0))
    return total


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("model", [{"preset": "resnet-mini", "depths": [1, 1], "widths": [8, 16]}, {}])
def test_loss_and_gradient_are_the_formulas(
    model: dict[str, Any], channels: int, batch: int, tmp_path: Path
) -> None:
    size = 15 if model else 16
    document = image_job("rotation", model=model, data={"image": {"size": size, "channels": channels}})
    archive = striped_images(tmp_path / "images.zip", count=24)
    _, _, objective = create(document, archive, tmp_path / "cache")
    objective.eval()  # a batch norm depends on the whole batch, and the reference computes images one by one
    ids = np.arange(batch)
    rows = objective.samples("train").rows(ids)
    made = objective.collate(rows, ids, key=5)
    assert made.count == 4 * batch
    losses = objective(made)
    losses.total.backward()
    found = {name: p.grad.clone() for name, p in objective.named_parameters() if p.grad is not None}
    objective.zero_grad(set_to_none=True)
    expected = reference(objective, rows)
    expected.backward()
    assert losses.total.item() == pytest.approx(expected.item(), rel=1e-5)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, objective.get_parameter(name).grad, rtol=1e-3, atol=1e-4)
    assert set(found) == {name for name, _ in objective.named_parameters()}


def test_metrics_are_means_over_all_rotations(tmp_path: Path) -> None:
    archive = striped_images(tmp_path / "images.zip", count=24)
    _, _, objective = create(image_job("rotation"), archive, tmp_path / "cache")
    objective.eval()
    samples = objective.samples("held_out")
    ids = np.arange(len(samples))
    with torch.no_grad():
        values = objective.evaluate(samples, ids, 3)
        scores, turns = objective.scores(torch.from_numpy(samples.rows(ids)))
        expected = reference(objective, samples.rows(ids)).item() / (4 * len(ids))
    assert values["eval/loss"] == pytest.approx(expected, rel=1e-5)
    assert values["eval/rotation_accuracy"] == (scores.argmax(1) == turns).float().mean().item()
    assert math.isnan(objective.evaluate(samples, ids[:0], 3)["eval/loss"])


def test_networks_of_text_are_refused() -> None:
    with pytest.raises(SpecError, match="does not train bert-mini"):
        validate(image_job("rotation", model={"preset": "bert-mini", "architecture": None}))
