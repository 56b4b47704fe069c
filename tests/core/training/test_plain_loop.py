"""Fine-tuning of a model that `transformers` saved gives the numbers of a plain loop of `transformers` and torch.

The loop has the same data in the same order, the same new head, AdamW with the same rates, and no dropout, in fp32. Of this
project it takes only the order of the samples and the head's first weights, which are random.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from tokenizers import Tokenizer, processors
from torch import Tensor
from torch.nn import functional
from transformers import (
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModelForAudioClassification,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    AutoTokenizer,
)

from core.data import data_files, prepare_for
from core.data.sampling import sample_indices
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from tests.core.published_models import WORDS, published, saved
from tests.core.published_networks import RATE, SIDE, saved_network
from tests.core.training.interruptions import points
from tests.core.training.test_published_networks import job_of

STEPS, BATCH, WARMUP, PEAK, DECAY, SEED = 20, 16, 2, 5e-3, 0.05, 11
TRAINING = {
    "steps": STEPS,
    "batch_size": BATCH,
    "seed": SEED,
    "precision": "fp32",
    "compile": False,
    "gradient_clip": 1.0,
    "optimizer": {"learning_rate": PEAK, "weight_decay": DECAY, "beta2": 0.999, "epsilon": 1e-8},
    "schedule": {"kind": "linear", "warmup_steps": WARMUP},
    "log_every": 1,
    "evaluate_every": STEPS,
    "evaluation_sequences": 1000,
}
LOSSES = 1e-4
"""Largest difference of the losses of each of the steps, and of the held-out loss."""

SPECTROGRAM_LOSSES = 1e-3
"""Likewise where spectrograms are computed, which differ by as much."""


@dataclass
class Numbers:
    """What a run measured."""

    losses: list[float]
    held_out_loss: float
    accuracy: float


def plain(
    model: Any,
    count: int,
    scores: Callable[[Any, str, Sequence[int]], Tensor],
    labels: dict[str, Tensor],
) -> Numbers:
    """Train a network of `transformers` as its examples do, and evaluate it.

    Args:
        count: Training samples.
        scores: The logits of the samples with these numbers of a split.
    """
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": DECAY}, {"params": vectors, "weight_decay": 0.0}],
        lr=PEAK,
        betas=(0.9, 0.999),
        eps=1e-8,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda done: min((done + 1) / WARMUP, 1 - (done + 1 - WARMUP) / (STEPS - WARMUP))
    )
    model.train()
    losses = []
    for step in range(1, STEPS + 1):
        chosen = sample_indices(SEED, step, BATCH, count).tolist()
        loss = functional.cross_entropy(scores(model, "train", chosen), labels["train"][chosen])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        found = scores(model, "test", range(len(labels["test"])))
    right = (found.argmax(dim=1) == labels["test"]).double().mean().item()
    return Numbers(losses, functional.cross_entropy(found, labels["test"]).item(), right)


def ours(pretrain: Any, document: dict[str, Any], directory: Path, data: Path, out: Path) -> Numbers:
    """Train the same by the engine, as users run it."""
    engine = pretrain(document, out, "--start", str(directory), data=data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    measured = points(out)
    losses = [measured[step, "train/loss"] for step in range(1, STEPS + 1)]
    return Numbers(losses, measured[STEPS, "eval/loss"], measured[STEPS, "eval/accuracy"])


def first_weights(document: dict[str, Any], directory: Path, data: Path, cache: Path) -> dict[str, Tensor]:
    """The weights of the engine's network before the first step."""
    job = validate(document)
    prepared = prepare_for(job, data_files([data], job.task.modality), cache, start=directory)
    objective: Any = create_objective(job, prepared, directory)
    return dict(objective.model.state_dict())


def begin_with_head(model: Any, weights: dict[str, Tensor], *prefixes: str) -> None:
    """Give a network the weights of the new head alone."""
    head = {name: tensor for name, tensor in weights.items() if name.startswith(prefixes)}
    assert head
    assert not model.load_state_dict(head, strict=False).unexpected_keys


def assert_equal(found: Numbers, expected: Numbers, tolerance: float = LOSSES) -> None:
    assert np.ptp(expected.losses) > 0.1, "training changed little"
    assert found.losses == pytest.approx(expected.losses, abs=tolerance)
    assert found.held_out_loss == pytest.approx(expected.held_out_loss, abs=tolerance)
    assert found.accuracy == pytest.approx(expected.accuracy, abs=1e-9)
    assert found.accuracy > 0.4


def test_text(pretrain: Any, tmp_path: Path) -> None:
    directory, data = tmp_path / "model", tmp_path / "data"
    original = saved("bert", directory, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    with torch.no_grad():
        # With new embeddings of a hundredth the norms' epsilon hides the words.
        original.get_input_embeddings().weight.mul_(20)
    original.save_pretrained(directory)
    file = directory / "tokenizer.json"
    tokenizer = Tokenizer.from_file(str(file))
    special = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=special)
    tokenizer.save(str(file))
    dice = np.random.default_rng(5)
    texts, labels = {}, {}
    data.mkdir()
    for split, count in (("train", 96), ("test", 40)):
        labels[split] = torch.from_numpy(dice.integers(0, 3, count))
        texts[split] = [
            " ".join(dice.choice(WORDS[4 * label : 4 * label + 4], dice.integers(3, 9)))
            + f" {number} {split}"
            for number, label in enumerate(labels[split].tolist())
        ]
        lines = [
            json.dumps({"text": text, "kind": "abc"[label]}) + "\n"
            for text, label in zip(texts[split], labels[split].tolist(), strict=True)
        ]
        (data / f"{split}.jsonl").write_text("".join(lines))
    document = {
        "name": "text",
        "start": {"scope": "encoder"},
        "task": {"kind": "text_classification"},
        "model": published(directory).document["model"],
        "data": {"tokenizer": {"kind": "checkpoint"}, "text": {"label_column": "kind"}},
        "training": TRAINING | {"sequence_length": 16},
    }
    tokenize = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForSequenceClassification.from_pretrained(directory, num_labels=3)
    # The pooler is not in a model of masked language modelling: it is a part of the new head.
    begin_with_head(
        model, first_weights(document, directory, data, tmp_path / "cache"), "classifier", "bert.pooler"
    )

    def scores(network: Any, split: str, chosen: Sequence[int]) -> Tensor:
        batch = [texts[split][number] for number in chosen]
        inputs = tokenize(batch, padding=True, truncation=True, max_length=16, return_tensors="pt")
        logits: Tensor = network(**inputs).logits
        return logits

    expected = plain(model, 96, scores, labels)
    assert_equal(ours(pretrain, document, directory, data, tmp_path / "out"), expected)


def test_images(pretrain: Any, tmp_path: Path) -> None:
    directory, data = tmp_path / "model", tmp_path / "data"
    saved_network("vit", directory)
    dice = np.random.default_rng(6)
    images: dict[str, list[Any]] = {}
    labels = {}
    for split, count in (("train", 32), ("test", 16)):
        labels[split] = torch.arange(3).repeat_interleave(count)
        images[split] = []
        for label, name in enumerate(("blue", "green", "red")):
            folder = data / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                pixels = dice.integers(0, 140, (SIDE, SIDE, 3))
                pixels[..., 2 - label] += 60
                image = Image.fromarray(pixels.astype(np.uint8))
                image.save(folder / f"{number:02}.png")
                images[split].append(image)
    augmentation = {
        "crop_min_area": 1.0,
        "crop_max_ratio": 1.0,
        "flip_probability": 0.0,
        "jitter_probability": 0.0,
        "grayscale_probability": 0.0,
    }
    document = job_of(directory, {"kind": "image_classification", "augmentation": augmentation}, "encoder")
    document["training"] = TRAINING
    process = AutoImageProcessor.from_pretrained(directory)
    model = AutoModelForImageClassification.from_pretrained(
        directory, num_labels=3, ignore_mismatched_sizes=True
    )
    begin_with_head(model, first_weights(document, directory, data, tmp_path / "cache"), "classifier")

    def scores(network: Any, split: str, chosen: Sequence[int]) -> Tensor:
        inputs = process([images[split][number] for number in chosen], return_tensors="pt")
        logits: Tensor = network(**inputs).logits
        return logits

    expected = plain(model, 96, scores, labels)
    assert_equal(ours(pretrain, document, directory, data, tmp_path / "out"), expected)


def test_audio(pretrain: Any, tmp_path: Path) -> None:
    directory, data = tmp_path / "model", tmp_path / "data"
    still = dict.fromkeys(
        ("hidden_dropout", "activation_dropout", "attention_dropout", "feat_proj_dropout", "layerdrop"), 0.0
    )
    saved_network("wav2vec2 with norms of layers", directory, apply_spec_augment=False, **still)
    dice = np.random.default_rng(7)
    waves: dict[str, list[Any]] = {}
    labels = {}
    for split, count in (("train", 48), ("test", 16)):
        labels[split] = torch.arange(2).repeat_interleave(count)
        waves[split] = []
        for label, name in enumerate(("high", "low")):
            folder = data / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                time = np.arange(dice.integers(900, 1600)) / RATE
                tone = np.sin(2 * np.pi * (1500, 400)[label] * time + dice.uniform(0, 6))
                wave = 0.3 * tone + dice.normal(scale=0.2, size=len(time))
                samples = (wave.clip(-0.99, 0.99) * 32767).astype(np.int16)
                soundfile.write(folder / f"{number:02}.wav", samples, RATE, subtype="PCM_16")
                waves[split].append(samples.astype(np.float32) / 32768)
    document = job_of(directory, {"kind": "audio_classification"}, "encoder", audio={"clip_seconds": 0.2})
    document["training"] = TRAINING
    extract = AutoFeatureExtractor.from_pretrained(directory)
    model = AutoModelForAudioClassification.from_pretrained(directory, num_labels=2)
    weights = first_weights(document, directory, data, tmp_path / "cache")
    begin_with_head(model, weights, "classifier", "projector")

    def scores(network: Any, split: str, chosen: Sequence[int]) -> Tensor:
        batch = [waves[split][number] for number in chosen]
        inputs = extract(
            batch, sampling_rate=RATE, padding=True, return_attention_mask=True, return_tensors="pt"
        )
        logits: Tensor = network(**inputs).logits
        return logits

    expected = plain(model, 96, scores, labels)
    assert_equal(ours(pretrain, document, directory, data, tmp_path / "out"), expected)


def test_spectrograms(pretrain: Any, tmp_path: Path) -> None:
    directory, data = tmp_path / "model", tmp_path / "data"
    still = dict.fromkeys(("hidden_dropout_prob", "attention_probs_dropout_prob"), 0.0)
    saved_network("ast", directory, **still)
    document = job_of(directory, {"kind": "audio_classification"}, "encoder")
    document["training"] = TRAINING
    # As long as a clip: where a recording is shorter, the extractor of `transformers` adds frames of zeros behind its spectrogram.
    length = round(validate(document).data.audio.clip_seconds * RATE)
    dice = np.random.default_rng(8)
    waves: dict[str, list[Any]] = {}
    labels = {}
    for split, count in (("train", 48), ("test", 16)):
        labels[split] = torch.arange(2).repeat_interleave(count)
        waves[split] = []
        for label, name in enumerate(("high", "low")):
            folder = data / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                tone = np.sin(2 * np.pi * (1500, 400)[label] * np.arange(length) / RATE + dice.uniform(0, 6))
                wave = 0.3 * tone + dice.normal(scale=0.2, size=length)
                samples = (wave.clip(-0.99, 0.99) * 32767).astype(np.int16)
                soundfile.write(folder / f"{number:02}.wav", samples, RATE, subtype="PCM_16")
                waves[split].append(samples.astype(np.float32) / 32768)
    extract = AutoFeatureExtractor.from_pretrained(directory)
    model = AutoModelForAudioClassification.from_pretrained(directory)
    begin_with_head(model, first_weights(document, directory, data, tmp_path / "cache"), "classifier")

    def scores(network: Any, split: str, chosen: Sequence[int]) -> Tensor:
        batch = [waves[split][number] for number in chosen]
        logits: Tensor = network(**extract(batch, sampling_rate=RATE, return_tensors="pt")).logits
        return logits

    expected = plain(model, 96, scores, labels)
    assert_equal(ours(pretrain, document, directory, data, tmp_path / "out"), expected, SPECTROGRAM_LOSSES)
