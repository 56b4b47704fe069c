"""Two processes with half of a batch each have the loss and the gradients of one process with all of it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.core.tasks.image_tasks import TASKS, VIT, coloured_pictures, create, image_job

ROOT = Path(__file__).parents[3]
BATCH, KEY = 8, 5
MAE = {"kind": "masked_autoencoder", "decoder_layers": 1, "mask_ratio": 0.7}
KINDS = ("contrastive", "contrastive-vit", "masked_autoencoder")


def job_of(kind: str) -> dict[str, Any]:
    if kind in TASKS:
        return image_job(kind)
    return image_job("contrastive-vit") | {"name": kind, "task": MAE, "model": VIT | {"dropout": 0.0}}


def summed(document: dict[str, Any], folder: Path, samples: np.ndarray) -> dict[str, torch.Tensor]:
    """A batch's summed losses, their count, and the gradient of the sum to each weight; and the running statistics of batch norms."""
    _, _, objective = create(document, folder / "pictures.zip", folder / "cache")
    batch = objective.collate(objective.samples("train").rows(samples), samples, KEY)
    total = objective(batch).total
    total.backward()
    weights = {name: weight.grad for name, weight in objective.named_parameters() if weight.requires_grad}
    noted = {name: buffer for name, buffer in objective.named_buffers() if "running" in name}
    return {"total": total.detach(), "count": torch.tensor(float(batch.count)), **weights, **noted}


_ONE_OF_TWO = """
import json, sys
from pathlib import Path
import numpy as np, torch
from torch import distributed
from core.distributed.world import World
from tests.core.tasks.test_two_processes import BATCH, KINDS, job_of, summed
torch.set_num_threads(1)
rank, folder = int(sys.argv[1]), Path(sys.argv[2])
distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
for kind in KINDS:
    found = summed(job_of(kind), folder, World(rank, 2).share(np.arange(BATCH)))
    for tensor in found.values():
        distributed.all_reduce(tensor)
    if rank == 0:
        torch.save(found, folder / f"{kind}.pt")
distributed.barrier()
distributed.destroy_process_group()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which both processes synchronise and write their sums."""
    folder = tmp_path_factory.mktemp("two")
    coloured_pictures(folder / "pictures.zip", count=24)
    for kind in KINDS:
        create(job_of(kind), folder / "pictures.zip", folder / "cache")
    command = [sys.executable, "-W", "ignore", "-c", _ONE_OF_TWO]
    both = [subprocess.Popen([*command, str(rank), str(folder)], cwd=ROOT) for rank in (0, 1)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    return folder


@pytest.mark.parametrize("kind", KINDS)
def test_sums_over_two_processes_equal_those_of_one(kind: str, folder: Path) -> None:
    """Of the contrastive task too, whose negatives, and batch norms, are of the other process's images as well."""
    both: Mapping[str, torch.Tensor] = torch.load(folder / f"{kind}.pt")
    one = summed(job_of(kind), folder, np.arange(BATCH))
    assert both["count"] == one["count"] > 0
    assert both.keys() == one.keys()
    for name, tensor in one.items():
        if "running" in name:
            torch.testing.assert_close(both[name] / 2, tensor)
            continue
        # Divided as the loop does it: the mean over all terms.
        found, expected = both[name] / both["count"], tensor / one["count"]
        close = 1e-4 * expected.abs().max().item() + 1e-6
        torch.testing.assert_close(
            found, expected, rtol=1e-3, atol=close, msg=lambda text, name=name: f"{name}: {text}"
        )
    alone = summed(job_of(kind), folder, np.arange(BATCH // 2))
    assert abs(2 * alone["total"] - one["total"]) > 1e-3 * one["total"], "halves differ from the whole"
