"""The sizing of image jobs, compared with their objectives."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.spec.estimate import estimate
from tests.core.image_jobs import create, image_job, striped_images

RESNET = {"preset": "resnet-mini", "depths": [1, 2], "widths": [8, 16]}
BOTTLENECKS = {"preset": "resnet-50", "depths": [1, 2], "widths": [16, 32]}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return striped_images(tmp_path_factory.mktemp("images") / "images.zip", count=24)


@pytest.mark.parametrize(
    "document",
    [
        image_job("rotation", model=RESNET),
        image_job("rotation", model=BOTTLENECKS, data={"image": {"size": 48, "channels": 1}}),
        image_job("rotation"),
        image_job("masked_autoencoder", decoder_layers=3, decoder_hidden_size=24),
        image_job("masked_autoencoder", model={"patch_size": 2}, data={"image": {"size": 16, "channels": 1}}),
        image_job("joint_embedding_prediction", predictor_layers=2),
        image_job("joint_embedding_prediction", predictor_hidden_size=24),
    ],
)
def test_parameters_are_those_that_are_trained(
    document: dict[str, Any], images: Path, tmp_path: Path
) -> None:
    job, _, objective = create(document, images, tmp_path / "cache")
    assert estimate(job).parameters == objective.parameter_count


@pytest.mark.parametrize(
    "document",
    [
        image_job("rotation", model=RESNET),
        image_job("rotation", model={"dropout": 0.0}),
        image_job("masked_autoencoder", model={"dropout": 0.0}, random_crop=False),
        image_job("joint_embedding_prediction", model={"dropout": 0.0}, random_crop=False),
    ],
    ids=["resnet", "vit", "mae", "jepa"],
)
def test_activations_are_near_what_autograd_saves(
    document: dict[str, Any], images: Path, tmp_path: Path
) -> None:
    job, _, objective = create(document, images, tmp_path / "cache")
    objective.train()
    ids = np.arange(4)
    batch = objective.collate(objective.samples("train").rows(ids), ids, key=1)
    weights = {parameter.untyped_storage().data_ptr() for parameter in objective.parameters()}
    saved: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        losses = objective(batch)
    assert losses.total.requires_grad
    # A micro-batch of the job has 4 images.
    assert 0.5 < estimate(job).activation_bytes / sum(saved.values()) < 1.5
