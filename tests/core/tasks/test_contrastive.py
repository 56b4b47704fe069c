"""SimCLR's task: which views are compared with which."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from tests.core.tasks.gradients import assert_same_gradients
from tests.core.tasks.image_tasks import coloured_pictures, create, image_job


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


def slow_loss(objective: Any, batch: Any) -> torch.Tensor:
    """Equation 1 for each view in turn, one cosine at a time."""
    views = torch.cat(objective.projections(batch))
    count = len(views) // 2
    total = torch.zeros(())
    for own in range(2 * count):
        raised = {
            other: torch.exp(
                (views[own] * views[other]).sum() / views[own].norm() / views[other].norm() / 0.5
            )
            for other in range(2 * count)
            if other != own
        }
        total = total - torch.log(raised[(own + count) % (2 * count)] / sum(raised.values()))
    return total


@pytest.mark.parametrize("name", ["contrastive", "contrastive-vit"])
@pytest.mark.parametrize(("batch", "size", "channels"), [(5, 16, 3), (2, 15, 1)])
def test_loss_and_gradients_are_the_formulas(
    name: str, batch: int, size: int, channels: int, pictures: Path, cache: Path
) -> None:
    _, _, objective = create(image_job(name, size=size, channels=channels), pictures, cache)
    objective.eval()
    ids = np.arange(batch)
    made = objective.collate(objective.samples("train").rows(ids), ids, 3)
    assert made.count == 2 * batch
    first, second = objective.projections(made)
    assert not torch.equal(first, second)
    assert_same_gradients(objective, objective(made).total, slow_loss(objective, made))


def test_with_one_image_the_partner_is_always_found(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("contrastive-vit"), pictures, cache)
    objective.eval()
    ids = np.arange(1)
    alone = objective.collate(objective.samples("train").rows(ids), ids, 3)
    assert objective(alone).total.item() == 0.0


def test_accuracy_counts_partners_that_are_nearest(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("contrastive-vit"), pictures, cache)
    objective.eval()
    samples, ids = objective.samples("held_out"), np.arange(6)
    with torch.no_grad():
        values = objective.evaluate(samples, ids, 6)
        whole = objective.projections(objective.collate(samples.rows(ids), ids, _evaluation_key()))
    views = functional.normalize(torch.cat(whole), dim=1)
    right = 0
    for row in range(12):
        cosines = [(-2.0 if other == row else float(views[row] @ views[other])) for other in range(12)]
        right += int(np.argmax(cosines)) == (row + 6) % 12
    assert values["eval/contrastive_accuracy"] == pytest.approx(right / 12)


def _evaluation_key() -> int:
    from core.tasks.contrastive import objective as contrastive  # noqa: PLC0415 - what the module keeps to itself

    return contrastive._EVALUATION_KEY
