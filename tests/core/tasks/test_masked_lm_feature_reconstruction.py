"""Prediction of the clean text's features from the masked text."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from core.data import data_files
from core.data.text import PreparedText, prepare
from core.networks.cross_entropy import IGNORED
from core.spec.job import JobSpec
from core.tasks.masked_lm.feature_reconstruction import clean_features, feature_loss
from core.tasks.masked_lm.objective import MaskedLM
from core.tasks.objectives import create_objective


@pytest.fixture
def data(corpus: Path, cache: Path, spec: dict[str, Any]) -> PreparedText:
    return prepare(data_files([corpus]), JobSpec.model_validate(spec).data, cache)


def objective_of(spec: dict[str, Any], data: PreparedText, target: str, alpha: float = 0.7) -> MaskedLM:
    spec["task"]["feature_reconstruction"] = {"alpha": alpha, "target": target}
    created = create_objective(JobSpec.model_validate(spec), data)
    assert isinstance(created, MaskedLM)
    return created


@pytest.mark.parametrize("target", ["hidden", "embeddings"])
def test_the_total_is_the_weighted_sum_of_both_parts(
    data: PreparedText, spec: dict[str, Any], target: str
) -> None:
    objective = objective_of(spec, data, target).eval()
    samples, ids = objective.samples("train"), np.arange(8)
    rows = samples.rows(ids)
    batch = objective.collate(rows, ids, key=1)
    losses = objective(batch)

    where = batch.tensors["positions"][: batch.count]
    hidden = objective.model.bert(batch.tensors["inputs"]).last_hidden_state.flatten(0, 1)[where]
    clean = torch.from_numpy(rows)
    assert torch.equal(clean.flatten()[where], batch.tensors["targets"][: batch.count])
    if target == "hidden":
        features = objective.model.bert(clean).last_hidden_state
    else:
        features = objective.model.bert.embeddings.word_embeddings(clean)
    features = features.flatten(0, 1)[where].detach()
    features = (features - features.mean(1, keepdim=True)) / features.var(
        1, keepdim=True, unbiased=False
    ).sqrt()
    assert objective.predictor is not None
    feature = (objective.predictor(hidden) - features).square().mean(1).sum()
    scores = objective.model.cls(hidden)
    task = functional.cross_entropy(scores, batch.tensors["targets"][: batch.count], reduction="sum")
    assert losses.named.keys() == {"task_loss", "feature_loss"}
    # Layer norm's epsilon matters for small variances; that of the embeddings is 0.0004.
    tolerance = {"rtol": 1e-3, "atol": 1e-3} if target == "hidden" else {"rtol": 0.05, "atol": 1e-3}
    torch.testing.assert_close(losses.named["task_loss"], task, rtol=1e-5, atol=1e-3)
    torch.testing.assert_close(losses.named["feature_loss"], feature, **tolerance)
    torch.testing.assert_close(
        losses.total, 0.7 * losses.named["task_loss"] + 0.3 * losses.named["feature_loss"]
    )


def test_targets_take_no_gradient_and_no_dropout(data: PreparedText, spec: dict[str, Any]) -> None:
    spec["model"]["dropout"] = 0.5
    objective = objective_of(spec, data, "hidden").train()
    clean = torch.from_numpy(objective.samples("train").rows(np.arange(2)))
    before = torch.get_rng_state()
    first = clean_features(objective.model, clean, None, None, "hidden")
    assert torch.equal(clean_features(objective.model, clean, None, None, "hidden"), first)
    assert torch.equal(torch.get_rng_state(), before), "what the step drops must not depend on this"
    assert not first.requires_grad
    assert all(module.training for module in objective.model.modules())
    torch.testing.assert_close(first.mean(-1), torch.zeros(first.shape[:2]), atol=1e-5, rtol=0)
    torch.testing.assert_close(first.var(-1, unbiased=False), torch.ones(first.shape[:2]), atol=1e-3, rtol=0)


def test_padded_positions_do_not_count() -> None:
    features = functional.layer_norm(torch.randn(5, 8), (8,))
    counts = torch.tensor([1, 7, IGNORED, 3, IGNORED]) != IGNORED
    torch.testing.assert_close(
        feature_loss(torch.zeros(5, 8), features, counts), torch.tensor(3.0), rtol=1e-3, atol=0
    )
    assert feature_loss(features, features, counts) == 0


def test_training_learns_both(data: PreparedText, spec: dict[str, Any]) -> None:
    spec["model"]["dropout"] = 0.0
    objective = objective_of(spec, data, "hidden", alpha=0.5)
    samples, ids = objective.samples("train"), np.arange(16)
    batch = objective.collate(samples.rows(ids), ids, key=1)
    optimizer = torch.optim.AdamW(objective.parameters(), lr=3e-3)
    seen = []
    for _ in range(30):
        losses = objective(batch)
        seen.append({name: value.item() / batch.count for name, value in losses.named.items()})
        (losses.total / batch.count).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert seen[-1]["task_loss"] < 0.8 * seen[0]["task_loss"]
    assert seen[-1]["feature_loss"] < 0.8 * seen[0]["feature_loss"]
