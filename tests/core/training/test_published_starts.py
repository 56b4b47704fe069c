"""Runs start from models that `transformers` saved: their outputs, the training that goes on, and what comes out again."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoTokenizer, T5EncoderModel, pipeline

from core.data import data_files, prepare_for
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from tests.core.published_models import MODELS, WORDS, published, saved

LENGTH = 24


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("words") / "words.txt"
    dice = np.random.default_rng(0)
    lines = (" ".join(dice.choice(WORDS, 12)) + f" {number}.\n" for number in range(400))
    path.write_text("\f".join(lines))
    return path


def job_of(directory: Path, scope: str, **changes: Any) -> dict[str, Any]:
    """A job that starts from the model in a directory, as the service completes it."""
    found = published(directory).document
    training = {"steps": 3, "batch_size": 4, "sequence_length": LENGTH, "precision": "fp32", "compile": False}
    return {
        "name": "goes on",
        "task": found["task"],
        "start": {"scope": scope},
        "model": found["model"] | changes,
        "data": {"tokenizer": {"kind": "checkpoint"}},
        "training": training | {"log_every": 1},
    }


def made(document: dict[str, Any], directory: Path, data: Path, cache: Path) -> Any:
    job = validate(document)
    return create_objective(job, prepare_for(job, data_files([data]), cache, start=directory)).eval()


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_the_encoder_computes_what_the_model_computed(name: str, words: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved(name, directory)
    started = made(job_of(directory, "encoder"), directory, words, tmp_path / "cache")
    started.start_from_encoder(directory)
    kind = T5EncoderModel if name.startswith("t5") else AutoModel
    original = kind.from_pretrained(directory).eval()
    rows = started.samples("train").rows(np.arange(3))
    ids = torch.from_numpy(np.ascontiguousarray(started.text(rows)))
    expected = original(input_ids=ids).last_hidden_state
    assert torch.allclose(started.learned_encoder.tokens(ids), expected, atol=1e-5)
    assert expected.std() > 0.01
    real = torch.ones(ids.shape, dtype=torch.bool)
    real[:, 15:] = False
    padded = original(input_ids=ids, attention_mask=real.long()).last_hidden_state[:, :15]
    assert torch.allclose(started.learned_encoder.tokens(ids, real)[:, :15], padded, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_all_of_a_model_is_taken_with_its_head(name: str, words: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    original = saved(name, directory)
    started = made(job_of(directory, "all"), directory, words, tmp_path / "cache")
    fresh = {key: tensor.clone() for key, tensor in started.state_dict().items()}
    missing = started.start_from_published(directory)
    theirs = original.state_dict()
    mine = started.model.state_dict()
    if "without" in name:
        assert missing
        assert all(
            torch.equal(started.state_dict()["model." + key], fresh["model." + key]) for key in missing
        )
    else:
        assert missing == []
        assert mine.keys() == theirs.keys()
        assert all(torch.equal(mine[key], tensor) for key, tensor in theirs.items())


@pytest.mark.parametrize(
    "name",
    [
        "bert",
        "bert untied",
        "gpt2 untied",
        "llama untied",
        "modernbert with other layers",
        "t5 gated, untied",
    ],
)
def test_training_goes_on_and_comes_out_in_the_same_layout(
    name: str, pretrain: Any, words: Path, tmp_path: Path
) -> None:
    directory, out = tmp_path / "model", tmp_path / "out"
    original = saved(name, directory, shards=name == "bert")
    document = job_of(directory, "all")
    engine = pretrain(document, out, "--start", str(directory), data=words)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert engine.of("started")[0]["resumed_from_step"] == 0
    assert not [event for event in engine.of("warning") if event["code"] == "weights_missing"]
    own = out / "step-00000003"
    reopened = type(original).from_pretrained(own)
    before, after = (json.loads((folder / "config.json").read_text()) for folder in (directory, own))
    for told in (before, after):
        told.pop("transformers_version")
    assert after == before
    moved = [
        key
        for key, tensor in original.state_dict().items()
        if not torch.equal(tensor, reopened.state_dict()[key])
    ]
    assert moved, "training changed nothing"
    tokenizers = [AutoTokenizer.from_pretrained(folder) for folder in (directory, own)]
    assert tokenizers[0].get_vocab() == tokenizers[1].get_vocab()
    assert tokenizers[0]("the cat sat")["input_ids"] == tokenizers[1]("the cat sat")["input_ids"]
    settings = json.loads((own / "tokenizer_config.json").read_text())
    assert (settings["kept"], settings["model_max_length"]) == ("field", 77)
    # Its checkpoint is one of ours: it goes on from there, with nothing else.
    longer = copy.deepcopy(document)
    longer["training"]["steps"] = 5
    again = pretrain(longer, out, "--resume", str(own), data=words)
    assert again.end() == {"exit": 0}, again.log.read_text()
    assert again.of("started")[0]["resumed_from_step"] == 3


@torch.no_grad()
def test_dropout_is_the_models_own_unless_the_spec_sets_it(words: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved("bert", directory)
    config = json.loads((directory / "config.json").read_text()) | {"hidden_dropout_prob": 0.25}
    (directory / "config.json").write_text(json.dumps(config))
    for changes, expected in (({}, 0.25), ({"dropout": 0.0}, 0.0)):
        started = made(job_of(directory, "encoder", **changes), directory, words, tmp_path / "cache")
        assert started.model.config.hidden_dropout_prob == expected


def test_a_network_as_somebody_else_made_it_can_begin_with_new_weights(words: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved("bert", directory)
    document = job_of(directory, "encoder")
    started = made(document, directory, words, tmp_path / "cache")
    assert (started.model.config.hidden_act, started.model.config.type_vocab_size) == ("relu", 3)
    document["training"]["sequence_length"] = 41
    with pytest.raises(Exception, match="40 positions"):
        validate(document)


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sentences with one of two classes."""
    path = tmp_path_factory.mktemp("kinds") / "kinds.jsonl"
    dice = np.random.default_rng(1)
    lines = (
        {"text": " ".join(dice.choice(WORDS[:7] if number % 2 else WORDS[7:], 8)), "kind": "ab"[number % 2]}
        for number in range(200)
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def fine_tuning(directory: Path) -> dict[str, Any]:
    document = job_of(directory, "encoder")
    document["task"] = {"kind": "text_classification"}
    document["data"]["text"] = {"label_column": "kind"}
    return document


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_a_head_is_put_on_the_encoder_that_somebody_else_made(name: str, kinds: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved(name, directory)
    started = made(fine_tuning(directory), directory, kinds, tmp_path / "cache")
    started.start_from_encoder(directory)
    kind = T5EncoderModel if name.startswith("t5") else AutoModel
    original = kind.from_pretrained(directory).eval()
    ids, real = started.trimmed(started.samples("train").rows(np.arange(6)))
    expected = original(input_ids=ids, attention_mask=real.long()).last_hidden_state[real]
    found = started.learned_encoder.tokens(ids, None if bool(real.all()) else real)[real]
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["bert", "gpt2", "llama", "modernbert"])
def test_fine_tuning_comes_out_for_a_pipeline(name: str, pretrain: Any, kinds: Path, tmp_path: Path) -> None:
    directory, out = tmp_path / "model", tmp_path / "out"
    saved(name, directory)
    engine = pretrain(fine_tuning(directory), out, "--start", str(directory), data=kinds)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    own = out / "step-00000003"
    config = json.loads((own / "config.json").read_text())
    before = json.loads((directory / "config.json").read_text())
    assert {
        key: config[key] for key in before if "eps" in key or "act" in key or key == "field_of_somebody"
    } == {
        key: value
        for key, value in before.items()
        if "eps" in key or "act" in key or key == "field_of_somebody"
    }
    (answer,) = pipeline("text-classification", model=str(own), device="cpu")("the cat sat on the mat")
    assert answer["label"] in {"a", "b"}
