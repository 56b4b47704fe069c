"""What the colouriser sees, learns from and shows."""

from pathlib import Path

import numpy as np
import pytest
import torch

from core.colour.lab import rgb_to_lab
from core.colour.palette import palette, rebalanced_cross_entropy, rebalancing, soft_classes
from tests.core.objectives.image_tasks import coloured_pictures, create, image_job


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


def test_class_weights_are_counted_in_the_training_part(pictures: Path, cache: Path) -> None:
    _, data, objective = create(image_job("colorization"), pictures, cache)
    lab = rgb_to_lab(torch.from_numpy(data.images("train").copy()).permute(0, 3, 1, 2) / 255)
    coarse = lab[:, 1:].unflatten(3, (8, 2)).unflatten(2, (8, 2)).mean(dim=(3, 5))
    nearest = soft_classes(coarse.movedim(1, -1).reshape(-1, 2), palette())[0][:, 0]
    frequencies = torch.bincount(nearest, minlength=261).double() / len(nearest)
    torch.testing.assert_close(objective.weights, rebalancing(frequencies, palette(), 0.5))
    light = lab[:, 0] / 100
    expected = torch.stack([light.mean(), light.std(correction=0)])
    torch.testing.assert_close(objective.light, expected, atol=1e-4, rtol=1e-3)


def test_the_loss_is_the_rebalanced_one_at_half_the_resolution(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("colorization", size=15), pictures, cache)
    objective.eval()
    ids = np.arange(2)
    rows = objective.samples("train").rows(ids)
    batch = objective.collate(rows, ids, 0)
    assert batch.count == 2 * 8 * 8
    lab = rgb_to_lab(torch.from_numpy(rows).permute(0, 3, 1, 2) / 255)
    guesses = objective.decoder(objective._maps(lab))
    coarse = torch.zeros(2, 2, 8, 8)
    for y in range(8):
        for x in range(8):
            coarse[:, :, y, x] = lab[:, 1:, 2 * y : 2 * y + 2, 2 * x : 2 * x + 2].mean(dim=(2, 3))
    expected = rebalanced_cross_entropy(guesses, coarse, palette(), objective.weights)
    torch.testing.assert_close(objective(batch).total, expected)


def test_colours_of_the_input_are_not_seen(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("colorization"), pictures, cache)
    objective.eval()
    lab = torch.rand(2, 3, 16, 16) * 50
    other = lab.clone()
    other[:, 1:] = -other[:, 1:]
    with torch.no_grad():
        assert torch.equal(objective._maps(lab), objective._maps(other))


@pytest.mark.parametrize("name", ["colorization", "colorization-vit"])
def test_errors_are_distances_in_the_colour_plane(name: str, pictures: Path, cache: Path) -> None:
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
