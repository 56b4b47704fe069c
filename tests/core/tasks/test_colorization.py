"""Colorization: its inputs, loss and pictures."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.tasks.colorization.lab import rgb_to_lab
from core.tasks.colorization.palette import palette, rebalancing, soft_classes
from tests.core.tasks.gradients import assert_same_gradients
from tests.core.tasks.image_tasks import coloured_pictures, create, image_job


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


def test_class_weights_are_counted_in_the_training_split(pictures: Path, cache: Path) -> None:
    _, data, objective = create(image_job("colorization"), pictures, cache)
    lab = rgb_to_lab(torch.from_numpy(data.images("train").copy()).permute(0, 3, 1, 2) / 255)
    coarse = lab[:, 1:].unflatten(3, (8, 2)).unflatten(2, (8, 2)).mean(dim=(3, 5))
    nearest = soft_classes(coarse.movedim(1, -1).reshape(-1, 2), palette())[0][:, 0]
    frequencies = torch.bincount(nearest, minlength=261).double() / len(nearest)
    torch.testing.assert_close(objective.weights, rebalancing(frequencies, palette(), 0.5))
    light = lab[:, 0] / 100
    expected = torch.stack([light.mean(), light.std(correction=0)])
    torch.testing.assert_close(objective.light, expected, atol=1e-4, rtol=1e-3)


def slow_loss(objective: Any, rows: np.ndarray) -> torch.Tensor:
    """Image by image and position by position: equations 2 and 3, or half the squared distance of a / 110 and b / 110."""
    total = torch.zeros(())
    cells = palette().tolist()
    side = objective.guess_side
    for row in rows:
        lab = rgb_to_lab(torch.from_numpy(row).permute(2, 0, 1)[None] / 255)
        guessed = objective.decoder(objective._maps(lab))[0]
        for y in range(side):
            for x in range(side):
                block = lab[0, 1:, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2]
                colour = [float(channel.sum()) / channel.numel() for channel in block]
                scores = guessed[:, y, x]
                if objective.task.target == "regression":
                    total = total + sum(
                        (score - part / 110) ** 2 / 2 for score, part in zip(scores, colour, strict=True)
                    )
                    continue
                distances = [math.dist(cell, colour) for cell in cells]
                nearest = sorted(range(len(cells)), key=distances.__getitem__)[:5]
                raised = [math.exp(-(distances[cell] ** 2) / (2 * 5**2)) for cell in nearest]
                logs = scores - scores.exp().sum().log()
                entropy = -sum(
                    value / sum(raised) * logs[cell] for value, cell in zip(raised, nearest, strict=True)
                )
                total = total + objective.weights[nearest[0]] * entropy
    return total


@pytest.mark.parametrize("name", ["colorization", "colorization-vit"])
@pytest.mark.parametrize(("batch", "size"), [(2, 16), (1, 15)])
def test_loss_and_gradients_are_the_formulas(
    name: str, batch: int, size: int, pictures: Path, cache: Path
) -> None:
    _, _, objective = create(image_job(name, size=size), pictures, cache)
    objective.eval()
    ids = np.arange(batch)
    rows = objective.samples("train").rows(ids)
    made = objective.collate(rows, ids, 0)
    assert made.count == batch * 8 * 8
    assert_same_gradients(objective, objective(made).total, slow_loss(objective, rows))


def test_the_network_does_not_see_the_colours_of_the_input(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("colorization"), pictures, cache)
    objective.eval()
    lab = torch.rand(2, 3, 16, 16) * 50
    other = lab.clone()
    other[:, 1:] = -other[:, 1:]
    with torch.no_grad():
        assert torch.equal(objective._maps(lab), objective._maps(other))


@pytest.mark.parametrize("name", ["colorization", "colorization-vit"])
def test_colour_error_is_the_distance_in_the_colour_plane(name: str, pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job(name), pictures, cache)
    objective.eval()
    samples, ids = objective.samples("held_out"), np.arange(5)
    with torch.no_grad():
        values = objective.evaluate(samples, ids, 2)
        lab = rgb_to_lab(torch.from_numpy(samples.rows(ids)).permute(0, 3, 1, 2) / 255)
        guessed = objective.colours(objective.decoder(objective._maps(lab)))
    assert values["eval/grey_error"] == pytest.approx(
        lab[:, 1:].square().sum(1).mean().sqrt().item(), rel=1e-4
    )
    expected = (guessed - lab[:, 1:]).square().sum(1).mean().sqrt().item()
    assert values["eval/colour_error"] == pytest.approx(expected, rel=1e-4)
