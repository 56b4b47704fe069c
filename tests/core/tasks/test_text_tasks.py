"""Properties of all text tasks, with each kind of network."""

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
)

from core.checkpoints.writer import copy_to_host
from core.data import data_files
from core.data.text import PreparedText, prepare
from core.distributed.world import World
from core.objectives.base import Batch
from core.objectives.language import LanguageModel
from core.spec.job import JobSpec
from core.tasks.objectives import create_objective
from core.training.batches import BatchStream

SMALL = {"layers": 2, "hidden_size": 32, "heads": 2}
FEATURES = {"feature_reconstruction": {"alpha": 0.6, "target": "hidden"}}
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "masked bert": ({"kind": "masked_lm", "separate_documents": True}, "bert"),
    "masked bert, whole words": ({"kind": "masked_lm", "masking": "whole_word"}, "bert"),
    "masked bert, features": ({"kind": "masked_lm", **FEATURES}, "bert"),
    "masked modernbert": ({"kind": "masked_lm", "masking": "span"}, "modernbert"),
    "masked modernbert, apart": (
        {
            "kind": "masked_lm",
            "separate_documents": True,
            "feature_reconstruction": {"target": "embeddings"},
        },
        "modernbert",
    ),
    "causal gpt2": ({"kind": "causal_lm"}, "gpt2"),
    "causal gpt2, apart": ({"kind": "causal_lm", "separate_documents": True}, "gpt2"),
    "causal llama": ({"kind": "causal_lm"}, "llama"),
    "causal llama, apart": ({"kind": "causal_lm", "separate_documents": True}, "llama"),
    "denoising t5": ({"kind": "text_denoising_autoencoder"}, "t5"),
}
OPENERS: dict[str, Any] = {
    "masked_lm": AutoModelForMaskedLM,
    "causal_lm": AutoModelForCausalLM,
    "text_denoising_autoencoder": AutoModelForSeq2SeqLM,
}


@pytest.fixture
def data(corpus: Path, cache: Path, spec: dict[str, Any]) -> PreparedText:
    return prepare(data_files([corpus]), JobSpec.model_validate(spec).data, cache)


@pytest.fixture(params=CASES)
def job(request: pytest.FixtureRequest, spec: dict[str, Any]) -> JobSpec:
    task, architecture = CASES[request.param]
    spec["task"], spec["model"] = task, SMALL | {"architecture": architecture, "dropout": 0.0}
    # Longer than ModernBERT's window to one side.
    spec["training"]["sequence_length"] = 80
    return JobSpec.model_validate(spec)


@pytest.fixture
def objective(job: JobSpec, data: PreparedText) -> LanguageModel:
    created = create_objective(job, data)
    assert isinstance(created, LanguageModel)
    return created


def gradients(objective: LanguageModel, batches: list[Batch]) -> tuple[Tensor, dict[str, Tensor]]:
    """Gradients summed as the loop does it."""
    objective.zero_grad()
    count = sum(batch.count for batch in batches)
    total = torch.zeros(())
    for batch in batches:
        loss = objective(batch).total
        (loss / count).backward()
        total += loss.detach()
    return total / count, {n: p.grad.clone() for n, p in objective.named_parameters() if p.grad is not None}


def test_four_micro_batches_of_eight_equal_one_batch_of_thirty_two(objective: LanguageModel) -> None:
    samples, ids = objective.samples("train"), np.arange(32)
    whole = [objective.collate(samples.rows(ids), ids, key=3)]
    parts = [objective.collate(samples.rows(part), part, key=3) for part in ids.reshape(4, 8)]
    loss, by_whole = gradients(objective, whole)
    same, by_parts = gradients(objective, parts)
    torch.testing.assert_close(same, loss)
    assert by_parts.keys() == by_whole.keys()
    for name, gradient in by_whole.items():
        # Sums in another order: equal but for rounding.
        torch.testing.assert_close(by_parts[name], gradient, rtol=1e-4, atol=1e-6)


def test_every_weight_gets_a_gradient(objective: LanguageModel) -> None:
    samples, ids = objective.samples("train"), np.arange(16)
    _, found = gradients(objective, [objective.collate(samples.rows(ids), ids, key=3)])
    for name, parameter in objective.named_parameters():
        assert name in found, name
        assert found[name].shape == parameter.shape
        assert found[name].isfinite().all()
        assert found[name].abs().max() > 0 or "token_type" in name or "key.bias" in name, name


def test_batches_are_the_same_from_one_worker_or_four_in_any_order(
    objective: LanguageModel, job: JobSpec
) -> None:
    samples = objective.samples("train")
    with BatchStream(objective, samples, job.training, World()) as one:
        straight = {step: one.take(step) for step in range(1, 9)}
    with BatchStream(objective, samples, job.training, World()) as stream, ThreadPoolExecutor(4) as workers:
        order = [5, 1, 8, 3, 2, 7, 4, 6]
        shuffled = dict(zip(order, workers.map(stream.make, order), strict=True))
    for step, parts in straight.items():
        for part, other in zip(parts, shuffled[step], strict=True):
            assert part.count == other.count
            assert part.tensors.keys() == other.tensors.keys()
            assert all(torch.equal(part.tensors[name], other.tensors[name]) for name in part.tensors)
    assert not torch.equal(straight[1][0].tensors["inputs"], straight[2][0].tensors["inputs"])


@torch.no_grad()
def test_a_checkpoint_opens_in_transformers_and_scores_as_in_training(
    objective: LanguageModel, job: JobSpec, tmp_path: Path
) -> None:
    objective.eval()
    samples, ids = objective.samples("train"), np.arange(3)
    batch = objective.collate(samples.rows(ids), ids, key=1)
    inputs = batch.tensors["inputs"]
    asked: dict[str, Tensor] = {"input_ids": inputs}
    if job.architecture == "t5":
        asked["decoder_input_ids"] = batch.tensors["decoder_inputs"]
    objective.export(tmp_path, copy_to_host(objective.state_dict()))

    opener = OPENERS[job.task.kind]
    model, info = opener.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    opened = model.eval()(**asked).logits
    # Not to the bit if training uses another attention (ModernBERT) or a fused GELU.
    if job.architecture in {"bert", "llama"}:
        assert torch.equal(opened, objective.model(**asked).logits)
    torch.testing.assert_close(opened, objective.model(**asked, **_window(objective, inputs)).logits)

    # The training loss equals the loss of the opened network's scores.
    plain = job.task.model_copy(update={"separate_documents": False})
    objective.task = plain
    again = objective.collate(samples.rows(ids), ids, key=1)
    if job.task.kind == "masked_lm":
        scores = opened.flatten(0, 1)[again.tensors["positions"][: again.count]]
        targets = again.tensors["targets"][: again.count]
        loss = objective(again).named.get("task_loss", objective(again).total)
    else:
        scores, targets = opened.flatten(0, 1), again.tensors["targets"].flatten()
        loss = objective(again).total
    expected = torch.nn.functional.cross_entropy(scores, targets, reduction="sum")
    torch.testing.assert_close(loss, expected, rtol=1e-5, atol=1e-3)


def _window(objective: LanguageModel, inputs: Tensor) -> dict[str, Any]:
    """ModernBERT's masks, which `transformers` makes only for its own attention."""
    if objective.model.config.model_type != "modernbert":
        return {}
    places = torch.arange(inputs.shape[1])
    near = (places[:, None] - places).abs() <= 64
    return {"attention_mask": {"full_attention": None, "sliding_attention": near[None, None]}}


def test_a_checkpoint_is_restored_with_its_heads(
    objective: LanguageModel, job: JobSpec, data: PreparedText, tmp_path: Path
) -> None:
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    reseeded = job.model_copy(update={"training": job.training.model_copy(update={"seed": 99})})
    other = create_objective(reseeded, data)
    before = other.state_dict()
    assert any(not torch.equal(before[name], tensor) for name, tensor in objective.state_dict().items())
    other.restore(tmp_path)
    for name, tensor in objective.state_dict().items():
        assert torch.equal(other.state_dict()[name], tensor), name
    has_head = getattr(job.task, "feature_reconstruction", None) is not None
    assert (tmp_path / "heads.safetensors").exists() == has_head


@torch.no_grad()
def test_an_untrained_network_has_the_loss_of_guessing(objective: LanguageModel, data: PreparedText) -> None:
    """An untrained network guesses among all tokens; in bits a byte that is the tokens' length in bytes."""
    objective.eval()
    samples, ids = objective.samples("held_out"), np.arange(6)
    values = objective.evaluate(samples, ids, batch_size=4)
    assert objective.evaluate(samples, ids, batch_size=4) == values
    assert objective.evaluate(samples, ids, batch_size=6) == pytest.approx(values, rel=1e-4)
    objective.task = objective.task.model_copy(update={"mask_probability": 0.5, "corruption_rate": 0.5})  # type: ignore[has-type]
    assert objective.evaluate(samples, ids, batch_size=4) == values
    # T5's embeddings begin with variance 1, so its first scores are no guess.
    if objective.model.config.model_type != "t5":
        assert values["eval/loss"] == pytest.approx(math.log(data.vocabulary_size), rel=0.03)
        tokens, text_bytes = data.held_out.tokens, data.held_out.text_bytes
        expected = values["eval/loss"] / math.log(2) / (text_bytes / tokens)
        assert values["eval/bits_per_byte"] == pytest.approx(expected)
    assert values["eval/bits_per_byte"] > 0
    assert values["eval/perplexity"] == pytest.approx(math.exp(values["eval/loss"]))


def test_a_causal_checkpoints_tokenizer_adds_nothing(
    data: PreparedText, spec: dict[str, Any], tmp_path: Path
) -> None:
    spec["task"] = {"kind": "causal_lm"}
    objective = create_objective(JobSpec.model_validate(spec), data)
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    ids = tokenizer("the statement")["input_ids"]
    assert tokenizer.decode(ids) == "the statement"
    assert not set(ids) & set(data.special_ids.all)
    assert tokenizer.eos_token_id == tokenizer.bos_token_id == data.special_ids.sep
    model = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert model.generation_config.eos_token_id == data.special_ids.sep


def test_a_denoising_checkpoint_knows_its_sentinels(
    data: PreparedText, spec: dict[str, Any], tmp_path: Path
) -> None:
    spec["task"] = {"kind": "text_denoising_autoencoder"}
    objective = create_objective(JobSpec.model_validate(spec), data)
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    assert len(tokenizer) == model.config.vocab_size == data.vocabulary_size + 100
    ids = tokenizer("the <extra_id_0> statement<extra_id_99>")["input_ids"]
    assert ids[-1] == tokenizer.eos_token_id == data.special_ids.sep
    assert ids[-2] == data.vocabulary_size + 99
    assert tokenizer.convert_tokens_to_ids("<extra_id_0>") in ids
    written = model.generate(torch.tensor([ids]), max_new_tokens=4, do_sample=False)
    assert written[0, 0] == data.special_ids.pad
    # The prepared tokenizer, which other runs share, is unchanged.
    assert len(AutoTokenizer.from_pretrained(data.tokenizer_directory)) == data.vocabulary_size


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
@torch.no_grad()
def test_the_shown_continuation_is_deterministic(
    data: PreparedText, spec: dict[str, Any], architecture: str
) -> None:
    spec["task"], spec["model"] = {"kind": "causal_lm"}, SMALL | {"architecture": architecture}
    objective = create_objective(JobSpec.model_validate(spec), data).eval()
    samples = objective.samples("held_out")
    (shown,) = objective.show(samples, np.arange(3))
    assert (shown.name, shown.media_type) == ("continuations", "text/plain")
    torch.manual_seed(4)
    assert objective.show(samples, np.arange(3)) == [shown]
    text = shown.content.decode()
    assert text.count("--- continued") == 3
