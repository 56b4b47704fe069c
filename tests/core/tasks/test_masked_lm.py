"""Masked language modelling against slow and plain references."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers import AutoModelForMaskedLM, AutoTokenizer

from core.checkpoints.writer import copy_to_host
from core.data import data_files
from core.data.text import PackedSequences, PreparedText, prepare
from core.errors import EngineError
from core.spec.job import JobSpec
from core.tasks.masked_lm import objective as masked_lm
from core.tasks.masked_lm.masking import Masker
from core.tasks.masked_lm.objective import MaskedLM
from core.tasks.masked_lm.spec import MaskedLanguageModeling
from core.tasks.objectives import create_objective

SPECIAL = np.array([0, 1, 2, 3, 4])
MASK = 4
TASK = MaskedLanguageModeling()


@pytest.fixture
def data(corpus: Path, cache: Path, spec: dict[str, Any]) -> PreparedText:
    return prepare(data_files([corpus]), JobSpec.model_validate(spec).data, cache)


@pytest.fixture
def objective(data: PreparedText, spec: dict[str, Any]) -> MaskedLM:
    spec["model"]["dropout"] = 0.0
    created = create_objective(JobSpec.model_validate(spec), data)
    assert isinstance(created, MaskedLM)
    return created


def rows_of(count: int, length: int = 64, vocabulary: int = 100) -> Any:
    return np.random.default_rng(0).integers(0, vocabulary, (count, length))


def test_masks_have_the_specified_shares() -> None:
    rows = rows_of(2000)
    inputs, positions, targets = Masker(SPECIAL, MASK, 100)(rows, np.arange(2000), 1, TASK)
    ordinary = (rows >= 5).sum()
    assert len(positions) / ordinary == pytest.approx(0.15, rel=0.02)
    assert (targets == rows.reshape(-1)[positions]).all()
    assert (targets >= 5).all(), "a special token was chosen"
    shown = inputs.reshape(-1)[positions]
    assert (shown == MASK).mean() == pytest.approx(0.8, rel=0.02)
    replaced = shown[shown != MASK]
    assert (replaced >= 5).all(), "a special token was put in another's place"
    # A tenth is replaced at random, and one in 95 of those is the same token by chance.
    kept = (replaced == targets[shown != MASK]).sum() / len(shown)
    assert kept == pytest.approx(0.1 + 0.1 / 95, rel=0.05)
    assert len(np.unique(replaced)) == 95
    unchosen = np.ones(rows.size, dtype=bool)
    unchosen[positions] = False
    assert (inputs.reshape(-1)[unchosen] == rows.reshape(-1)[unchosen]).all()


def test_masks_are_a_function_of_the_key_and_the_sample_alone() -> None:
    rows, samples = rows_of(8), np.array([3, 1, 4, 15, 9, 2, 6, 5])
    masker = Masker(SPECIAL, MASK, 100)
    whole, _, _ = masker(rows, samples, 11, TASK)
    order = np.array([6, 0, 3])
    part, _, _ = masker(rows[order], samples[order], 11, TASK)
    assert (part == whole[order]).all()
    other, _, _ = masker(rows, samples, 12, TASK)
    assert (other != whole).any()


def test_every_sample_has_something_to_predict_if_it_can() -> None:
    rows = rows_of(50)
    rows[7] = 2
    rare = MaskedLanguageModeling(mask_probability=1e-9)
    _, positions, _ = Masker(SPECIAL, MASK, 100)(rows, np.arange(50), 1, rare)
    assert (np.bincount(positions // 64, minlength=50) == [row != 7 for row in range(50)]).all()


def test_loss_and_gradients_equal_the_dense_reference(objective: MaskedLM, data: PreparedText) -> None:
    samples = PackedSequences(data, "train", 32)
    ids = np.arange(6)
    batch = objective.collate(samples.rows(ids), ids, key=5)
    parameters = dict(objective.named_parameters())

    losses = objective(batch)
    fast = torch.autograd.grad(losses.total, list(parameters.values()))

    labels = torch.full((6 * 32,), -100)
    labels[batch.tensors["positions"][: batch.count]] = batch.tensors["targets"][: batch.count]
    dense_logits = objective.model(input_ids=batch.tensors["inputs"]).logits
    reference = functional.cross_entropy(dense_logits.flatten(0, 1), labels, reduction="sum")
    slow = torch.autograd.grad(reference, list(parameters.values()))

    torch.testing.assert_close(losses.total, reference)
    for name, one, other in zip(parameters, fast, slow, strict=True):
        torch.testing.assert_close(one, other, msg=lambda message, name=name: f"{name}: {message}")
        assert other.abs().max() > 0 or "token_type" in name or "key.bias" in name, f"{name} is not reached"


def test_micro_batches_add_up_to_the_whole_batch(objective: MaskedLM, data: PreparedText) -> None:
    samples, ids = PackedSequences(data, "train", 32), np.arange(8)
    whole = objective.collate(samples.rows(ids), ids, key=3)
    parts = [objective.collate(samples.rows(part), part, key=3) for part in (ids[:4], ids[4:])]
    assert sum(part.count for part in parts) == whole.count
    torch.testing.assert_close(objective(parts[0]).total + objective(parts[1]).total, objective(whole).total)


@torch.no_grad()
def test_evaluation_equals_the_dense_reference_and_ignores_the_task(
    objective: MaskedLM, data: PreparedText, spec: dict[str, Any]
) -> None:
    objective.eval()
    samples = PackedSequences(data, "held_out", 32)
    ids = np.arange(10)
    values = objective.evaluate(samples, ids, batch_size=4)

    other = objective.task
    objective.task = MaskedLanguageModeling(mask_probability=0.5)
    assert objective.evaluate(samples, ids, batch_size=4) == values
    objective.task = other

    whole = objective.evaluate(samples, ids, batch_size=10)
    assert whole == pytest.approx(values, rel=1e-5)
    assert values["eval/perplexity"] == pytest.approx(math.exp(values["eval/loss"]))
    # The loss of an untrained network is that of a guess among all tokens.
    assert values["eval/loss"] == pytest.approx(math.log(data.vocabulary_size), rel=0.02)
    assert 0 < values["eval/unigram_entropy"] < values["eval/loss"]
    assert 0 <= values["eval/masked_accuracy"] < 0.1


@torch.no_grad()
def test_masked_accuracy_counts_right_answers(objective: MaskedLM, data: PreparedText) -> None:
    samples = PackedSequences(data, "held_out", 32)
    favourite = int(np.bincount(samples.rows(np.arange(10)).reshape(-1)[1:]).argmax())
    objective.model.cls.predictions.bias[favourite] = 1000.0
    ids = np.arange(10)
    asked = objective._collate(samples.rows(ids), ids, masked_lm._EVALUATION_KEY, masked_lm.EVALUATION)
    expected = (asked.tensors["targets"][: asked.count] == favourite).float().mean().item()
    assert 0 < expected < 1
    for size in (3, 10):
        values = objective.evaluate(samples, ids, batch_size=size)
        assert values["eval/masked_accuracy"] == pytest.approx(expected)


@torch.no_grad()
def test_a_checkpoint_opens_in_transformers(objective: MaskedLM, data: PreparedText, tmp_path: Path) -> None:
    state = copy_to_host(objective.state_dict())
    samples, ids = PackedSequences(data, "train", 32), np.arange(3)
    inputs = torch.from_numpy(samples.rows(ids))
    objective.eval()
    expected = objective.model(input_ids=inputs).logits
    objective.model.cls.predictions.bias.fill_(3.0)  # the copy does not change with the training that follows
    objective.export(tmp_path, state)

    model, info = AutoModelForMaskedLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert torch.equal(model.eval()(input_ids=inputs).logits, expected)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert len(tokenizer) == model.config.vocab_size == data.vocabulary_size
    assert tokenizer.mask_token_id == data.special_ids.mask
    assert tokenizer.model_max_length == 32
    assert tokenizer.decode(tokenizer("with the statement")["input_ids"], skip_special_tokens=True) == (
        "with the statement"
    )


def test_a_checkpoint_is_restored(
    objective: MaskedLM, data: PreparedText, spec: dict[str, Any], tmp_path: Path
) -> None:
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    spec["training"]["seed"] += 1
    other = create_objective(JobSpec.model_validate(spec), data)
    assert not _same(other, objective)
    other.restore(tmp_path)
    assert _same(other, objective)
    spec["model"]["layers"] = 1
    with pytest.raises(EngineError, match="do not fit"):
        create_objective(JobSpec.model_validate(spec), data).restore(tmp_path)


def test_initial_weights_are_a_function_of_the_seed_alone(
    objective: MaskedLM, data: PreparedText, spec: dict[str, Any]
) -> None:
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert _same(create_objective(JobSpec.model_validate(spec), data), objective)
    assert torch.equal(torch.get_rng_state(), before)


def _same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
