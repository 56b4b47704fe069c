"""Predictions of models that `transformers` saved are those of `transformers` itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModelForCausalLM, AutoTokenizer, pipeline

from core.errors import EngineError
from core.objectives.predictions import Asked, rows_without_token
from core.prediction.opening import open_checkpoint
from core.spec.predictions import FillMaskOptions, SamplingOptions
from core.tasks.causal_lm.sampling import continuations
from tests.core.published_models import saved
from tests.core.published_networks import SIDE, saved_network


def opened(directory: Path, scratch: Path) -> Any:
    scratch.mkdir()
    return open_checkpoint(directory, scratch)


@torch.no_grad()
def test_a_bert_fills_masks(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved("bert", directory)
    found = opened(directory, tmp_path / "scratch")
    assert found.prediction("fill_mask").kind == "fill_mask"
    fill = pipeline("fill-mask", str(directory), device="cpu")
    ids = torch.tensor([[16, 0, 18, 4, 17]])
    expected = fill.model(input_ids=ids).logits
    assert torch.allclose(found.objective.model(input_ids=ids).logits, expected, atol=1e-5)


@torch.no_grad()
def test_rows_of_a_padded_vocabulary_without_a_token_are_no_candidates(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved("bert", directory)
    found = opened(directory, tmp_path / "scratch")
    tokens = set(AutoTokenizer.from_pretrained(directory).get_vocab())
    assert len(tokens) < found.objective.model.config.vocab_size
    answering = found.objective.predictors["fill_mask"](Asked(FillMaskOptions(top_k=50), "the [MASK] sat"))
    assert next(answering) is None
    with pytest.raises(StopIteration) as end:
        next(answering)
    [mask] = end.value.value["masks"]
    assert {candidate["token"] for candidate in mask["candidates"]} == tokens
    assert sum(candidate["probability"] for candidate in mask["candidates"]) == pytest.approx(1, abs=1e-5)


@torch.no_grad()
def test_rows_of_a_padded_vocabulary_without_a_token_are_never_drawn(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved("gpt2", directory)
    found = opened(directory, tmp_path / "scratch")
    model = found.objective.model
    tokens = AutoTokenizer.from_pretrained(directory).get_vocab().values()
    unknown = rows_without_token(found.objective.tokenizer, model.config.vocab_size)
    assert set(unknown) == set(range(model.config.vocab_size)) - set(tokens) != set()
    model.transformer.wte.weight[unknown] *= 0  # a score of 0, which is as likely as any
    prompts = torch.tensor([[min(tokens)]] * 20)
    drawing = {"key": 1, "tokens": 4, "temperature": 5.0, "top_k": model.config.vocab_size}
    free = continuations(model, prompts, np.arange(20), **drawing)
    assert set(free.flatten()) & set(unknown)
    assert not set(continuations(model, prompts, np.arange(20), **drawing, unknown=unknown).flatten()) & set(
        unknown
    )
    options = SamplingOptions(max_tokens=8, temperature=5.0, top_k=0)
    for seed in range(8):
        asked = Asked(options.model_copy(update={"seed": seed}), "the")
        written = [part for part in found.objective.predictors["continue"](asked) if part]
        assert all(part["text"] for part in written)


@torch.no_grad()
def test_a_gpt2_continues(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved("gpt2", directory)
    found = opened(directory, tmp_path / "scratch")
    assert found.prediction("continue").kind == "continue"
    ids = torch.tensor([AutoTokenizer.from_pretrained(directory)("the cat sat")["input_ids"]])
    expected = AutoModelForCausalLM.from_pretrained(directory)(input_ids=ids).logits
    assert torch.allclose(found.objective.model(input_ids=ids).logits, expected, atol=1e-5)


@torch.no_grad()
def test_a_classifier_of_images_classifies(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved_network("vit", directory)
    config = json.loads((directory / "config.json").read_text())
    names = {str(number): name for number, name in enumerate(("ant", "bee", "cow", "dog", "eel"))}
    (directory / "config.json").write_text(json.dumps(config | {"id2label": names}))
    found = opened(directory, tmp_path / "scratch")
    assert found.prediction("classify").kind == "classify"
    image = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8)
    scores = found.objective.scores(image[None])[0].softmax(0)
    answers = pipeline("image-classification", str(directory), device="cpu")(Image.fromarray(image), top_k=5)
    by_name = {answer["label"]: answer["score"] for answer in answers}
    assert [by_name[name] for name in found.objective.classes] == pytest.approx(scores.tolist(), abs=1e-5)


def test_a_preprocessor_with_one_mean_for_all_channels_is_read(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved_network("vit", directory)
    path = directory / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"image_mean": 0.5, "image_std": 0.2}))
    data = opened(directory, tmp_path / "scratch").objective.data
    assert (data.mean, data.std) == ((0.5,) * 3, (0.2,) * 3)


def test_without_a_head_there_are_only_features(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved("bert without a head", directory)
    found = opened(directory, tmp_path / "scratch")
    assert found.prediction("embed").kind == "embed"
    with pytest.raises(EngineError, match="fine-tune"):
        found.prediction("fill_mask")


@torch.no_grad()
@pytest.mark.parametrize("name", ["vit without biases", "resnet with bottlenecks"])
def test_a_network_of_images_without_a_head_has_features(name: str, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    bare = saved_network(name, directory)
    found = opened(directory, tmp_path / "scratch")
    assert found.prediction("embed").kind == "embed"
    with pytest.raises(EngineError, match="fine-tune"):
        found.prediction("classify")
    image = np.random.default_rng(0).integers(0, 256, (1, SIDE, SIDE, 3)).astype(np.uint8)
    inputs = found.objective.normalised(found.objective.pixels(image))
    features = found.objective.learned_encoder.features(inputs)
    states = bare(pixel_values=inputs).last_hidden_state
    expected = states[:, 0] if states.ndim == 3 else states.mean(dim=(2, 3))
    assert torch.allclose(features, expected, atol=1e-5)
