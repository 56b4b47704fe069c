"""SimCLR's task: which views are compared, and with which others."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from core.objectives.losses.contrastive import nt_xent
from tests.core.objectives.image_tasks import coloured_pictures, create, image_job

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


def test_the_loss_is_of_the_two_views_of_each_image(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("contrastive-vit"), pictures, cache)
    objective.eval()
    ids = np.arange(5)
    batch = objective.collate(objective.samples("train").rows(ids), ids, 3)
    assert batch.count == 10
    first, second = objective.projections(batch)
    assert not torch.equal(first, second)
    torch.testing.assert_close(objective(batch).total, nt_xent(first, second, 0.5))
    # The same image seen twice alike is found for sure; what is found is the highest cosine.
    one = objective.samples("train").rows(ids[:1])
    alone = objective.collate(one, ids[:1], 3)
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
    from core.objectives import contrastive  # noqa: PLC0415 - what the module keeps to itself

    return contrastive._EVALUATION_KEY


_TWO = """
import sys, torch
from torch import distributed
from core.objectives.losses.contrastive import nt_xent
from core.training.gathering import gathered
torch.set_num_threads(1)
rank, path = int(sys.argv[1]), sys.argv[2]
distributed.init_process_group("gloo", init_method=f"file://{path}/meeting", rank=rank, world_size=2)
everything = torch.load(f"{path}/views.pt")
own = everything[3 * rank : 3 * rank + 3].clone().requires_grad_()
others, offset = gathered(own)
loss = nt_xent(own[:, 0], own[:, 1], 0.5, gathered=(others[:, 0], others[:, 1]), offset=offset)
loss.backward()
torch.save((loss.detach(), own.grad), f"{path}/rank{rank}.pt")
distributed.barrier()
distributed.destroy_process_group()
"""


def test_two_processes_have_the_loss_and_the_gradients_of_one(tmp_path: Path) -> None:
    views = torch.randn(6, 2, 8, generator=torch.Generator().manual_seed(0))
    torch.save(views, tmp_path / "views.pt")
    command = [sys.executable, "-W", "ignore", "-c", _TWO]
    both = [subprocess.Popen([*command, str(rank), str(tmp_path)], cwd=ROOT) for rank in (0, 1)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    losses, gradients = zip(*(torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1)), strict=True)

    whole = views.clone().requires_grad_()
    loss = nt_xent(whole[:, 0], whole[:, 1], 0.5)
    loss.backward()
    torch.testing.assert_close(losses[0] + losses[1], loss.detach())
    torch.testing.assert_close(torch.cat(gradients), whole.grad)
