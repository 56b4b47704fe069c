"""Jobs that add words to the vocabulary of the checkpoint that they start from (``data.tokenizer.add_tokens``)."""

import copy
import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification, AutoTokenizer

from core.data import data_files, prepare_for
from core.prediction.opening import open_checkpoint
from core.spec.prepared import TOKENIZER_SOURCE
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from tests.core.published_models import MODELS, WORDS, saved
from tests.core.training.interruptions import hashes, points
from tests.core.training.test_published_starts import job_of, made
from tests.core.training.test_start import STEPS, document

NEW = ["kubernetes", "<user>"]
OF_TOKENS = (
    "word_embeddings",
    "tok_embeddings",
    "embed_tokens",
    "wte",
    "shared",
    "lm_head",
    "predictions.decoder",
    "predictions.bias",
)
"""Parts of the names of tensors with a row for each token."""
FAMILIES = [
    "bert",
    "bert untied",
    "bert without a head",
    "gpt2",
    "gpt2 untied",
    "llama untied",
    "modernbert",
    "modernbert with other layers",
    "t5 of version 1.0",
    "t5 gated, untied",
]


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Text with the words that are added."""
    path = tmp_path_factory.mktemp("words") / "words.txt"
    dice = np.random.default_rng(0)
    lines = (f"{' '.join(dice.choice([*WORDS, *NEW], 12))} {number}.\n" for number in range(300))
    path.write_text("\f".join(lines))
    return path


def with_words(document: dict[str, Any], added: list[str]) -> dict[str, Any]:
    found = copy.deepcopy(document)
    found.setdefault("data", {})["tokenizer"] = {"kind": "checkpoint", "add_tokens": added}
    return found


@pytest.mark.parametrize("scope", ["all", "encoder"])
@pytest.mark.parametrize("name", FAMILIES)
@torch.no_grad()
def test_new_rows_are_the_mean_of_the_others_and_nothing_else_changes(
    name: str, scope: str, words: Path, tmp_path: Path
) -> None:
    """With so few words that the rows of the padded vocabulary have room for them, and with more."""
    directory = tmp_path / "model"
    original = saved(name, directory)
    known, padded = len(AutoTokenizer.from_pretrained(directory)), original.config.vocab_size
    for many in (2, padded - known + 3):
        added = [*NEW, *(f"word{number}" for number in range(many - 2))]
        job = with_words(job_of(directory, scope), added)
        started = made(job, directory, words, tmp_path / f"cache-{many}")
        fresh = {key: tensor.clone() for key, tensor in started.model.state_dict().items()}
        missing: list[str] = []
        if scope == "all":
            missing = started.start_from_published(directory)
        else:
            started.start_from_encoder(directory)
        longer = max(padded, known + many)
        assert started.model.config.vocab_size == longer
        theirs, mine = original.state_dict(), started.model.state_dict()
        prefix = "" if name != "bert without a head" else "bert."
        compared = 0
        for key, tensor in theirs.items():
            own, before = mine.get(prefix + key), fresh.get(prefix + key)
            if own is None or prefix + key in missing or torch.equal(own, before):
                continue  # not a part of the encoder, which alone was asked for
            if not any(part in key for part in OF_TOKENS) and key not in {"decoder.weight", "decoder.bias"}:
                assert torch.equal(own, tensor), key
                continue
            compared += 1
            assert len(own) == longer, key
            assert torch.equal(own[:known], tensor[:known]), key
            mean = tensor[:known].mean(dim=0).expand_as(own[known : known + many])
            assert torch.allclose(own[known : known + many], mean, atol=1e-6), key
            assert torch.equal(own[known + many :], tensor[known + many :]), key
        assert compared


def test_training_goes_on_to_the_same_bits_and_opens_in_transformers(
    pretrain: Any, words: Path, tmp_path: Path
) -> None:
    directory, straight, broken = tmp_path / "model", tmp_path / "straight", tmp_path / "broken"
    saved("bert", directory)
    many = [*NEW, *(f"word{number}" for number in range(90))]
    job = with_words(job_of(directory, "all"), many)
    job["training"] |= {"steps": 4, "checkpoint_every": 1}
    start = ("--start", str(directory))
    engine = pretrain(job, straight, *start, data=words)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert pretrain(job, broken, *start, data=words, dies_at=3).end() == {"signal": signal.SIGKILL}
    source = (directory / "tokenizer.json").read_bytes()
    shutil.rmtree(directory)
    shutil.rmtree(broken / "cache", ignore_errors=True)
    again = pretrain(job, broken, data=words)
    assert again.end() == {"exit": 0}, again.log.read_text()
    assert again.of("started")[0]["resumed_from_step"] in {1, 2}
    assert not [event for event in again.of("warning") if event["code"] == "data_changed"]
    assert hashes(broken, 4) == hashes(straight, 4)
    assert points(broken) == points(straight)

    own = straight / "step-00000004"
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(own), AutoTokenizer.from_pretrained(own)
    assert model.config.vocab_size == len(tokenizer) == 19 + len(many)
    assert tokenizer.tokenize("the kubernetes <user>") == ["the", "kubernetes", "<user>"]
    assert (own / TOKENIZER_SOURCE / "tokenizer.json").read_bytes() == source
    # The words were read and learned: their rows are no longer equal.
    rows = model.get_input_embeddings().weight[tokenizer.convert_tokens_to_ids(NEW)]
    assert not torch.equal(rows[0], rows[1])
    (tmp_path / "scratch").mkdir()
    opened = open_checkpoint(own, tmp_path / "scratch")
    ids = torch.tensor([tokenizer("the kubernetes <user>")["input_ids"]])
    assert torch.allclose(
        opened.objective.model(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-5
    )

    # A job that starts from it has its words, and more.
    longer = job_of_checkpoint(job, [*many, "later"])
    second = tmp_path / "second"
    engine = pretrain(longer, second, "--start", str(own), data=words)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    found = AutoTokenizer.from_pretrained(second / "step-00000002")
    before = tokenizer.get_vocab()
    assert {token: number for token, number in found.get_vocab().items() if token in before} == before
    assert found.convert_tokens_to_ids("later") == len(before)
    assert (second / "step-00000002" / TOKENIZER_SOURCE / "tokenizer.json").read_bytes() == source
    # Without the words of its tokenizer the checkpoint does not fit.
    engine = pretrain(job_of_checkpoint(job, NEW), tmp_path / "third", "--start", str(own), data=words)
    assert engine.end()["exit"] != 0
    assert engine.of("failed")[0]["code"] == "checkpoint_mismatch"


def job_of_checkpoint(job: dict[str, Any], added: list[str]) -> dict[str, Any]:
    found = with_words(job, added) | {"start": {"scope": "encoder"}}
    found["training"] = found["training"] | {"steps": 2}
    return found


@pytest.mark.parametrize("name", ["masked_lm", "text_denoising_autoencoder"])
def test_words_are_added_to_our_own_checkpoint(
    name: str, pretrain: Any, sentences: Path, words: Path, tmp_path: Path
) -> None:
    engine = pretrain(document(name), tmp_path / "first", data=sentences)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    before = tmp_path / "first" / f"step-{STEPS:08d}"
    size = json.loads((before / "config.json").read_text())["vocab_size"]
    for scope in ("encoder", "weights"):
        second, out = with_words(document(name, scope=scope), NEW), tmp_path / scope
        # So small that the weights stay those of the beginning.
        second["training"]["optimizer"] = {"learning_rate": 1e-12, "weight_decay": 0}
        engine = pretrain(second, out, "--start", str(before), data=words)
        assert engine.end() == {"exit": 0}, engine.log.read_text()
        own = out / f"step-{STEPS:08d}"
        assert json.loads((own / "config.json").read_text())["vocab_size"] == size + len(NEW)
        tokenizer = AutoTokenizer.from_pretrained(own)
        assert tokenizer.convert_tokens_to_ids(NEW) == [size, size + 1]
        theirs, mine = (load_file(folder / "model.safetensors") for folder in (before, own))
        kept = 0
        for key, tensor in theirs.items():
            if scope == "encoder" and not torch.allclose(mine[key][: len(tensor)], tensor, atol=1e-6):
                continue  # a head is fresh
            kept += 1
            assert torch.allclose(mine[key][: len(tensor)], tensor, atol=1e-6), key
            rows = mine[key][len(tensor) :]
            assert torch.allclose(rows, tensor.mean(dim=0).expand_as(rows), atol=1e-5), key
        assert kept > len(theirs) // 3
    # The state of an optimiser has no rows for them.
    whole = with_words(document(name, scope="all", training={"steps": 2 * STEPS}), NEW)
    refused = pretrain(whole, tmp_path / "all", "--start", str(before), data=words)
    assert refused.end()["exit"] != 0
    assert refused.of("failed")[0]["code"] == "checkpoint_mismatch"


def test_a_classifier_learns_with_words_of_its_own(pretrain: Any, words: Path, tmp_path: Path) -> None:
    directory, out = tmp_path / "model", tmp_path / "out"
    saved("bert", directory)
    path = tmp_path / "kinds.jsonl"
    texts = words.read_text().split("\f")
    lines = (json.dumps({"text": text, "kind": "ab"["<user>" in text]}) for text in texts)
    path.write_text("\n".join(lines))
    job = with_words(job_of(directory, "encoder"), [*NEW, *(f"word{number}" for number in range(90))])
    job |= {"task": {"kind": "text_classification"}, "adaptation": {"method": "lora"}}
    job["data"]["text"] = {"label_column": "kind"}
    engine = pretrain(job, out, "--start", str(directory), data=path)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    own = out / "step-00000003"
    tokenizer = AutoTokenizer.from_pretrained(own)
    model = AutoModelForSequenceClassification.from_pretrained(own)
    assert model.config.vocab_size == len(tokenizer) == 19 + 92
    (tmp_path / "scratch").mkdir()
    opened = open_checkpoint(own, tmp_path / "scratch")
    ids = torch.tensor([tokenizer("the kubernetes <user>")["input_ids"]])
    assert torch.allclose(
        opened.objective.model(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-5
    )


def test_a_word_that_is_a_token_ends_the_job_with_the_reason(
    pretrain: Any, words: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "model"
    saved("bert", directory)
    engine = pretrain(
        with_words(job_of(directory, "all"), ["new", "house"]),
        tmp_path / "out",
        "--start",
        str(directory),
        data=words,
    )
    assert engine.end()["exit"] != 0
    (failed,) = engine.of("failed")
    assert failed["code"] == "added_token"
    assert "'house' is a token" in failed["message"]


def test_a_t5_without_its_sentinels_takes_no_words(words: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved("t5 of version 1.0", directory)
    file = directory / "tokenizer.json"
    settings = json.loads(file.read_text())
    for names in (settings["model"]["vocab"],):
        for number in range(100):
            names.pop(f"<extra_id_{number}>")
    settings["added_tokens"] = [
        token for token in settings["added_tokens"] if not token["content"].startswith("<extra")
    ]
    file.write_text(json.dumps(settings))
    job = validate(with_words(job_of(directory, "all"), NEW))
    prepared = prepare_for(job, data_files([words]), tmp_path / "cache", start=directory)
    with pytest.raises(Exception, match="lacks the sentinels"):
        create_objective(job, prepared)


def test_families_are_those_that_are_uploaded() -> None:
    assert set(FAMILIES) <= MODELS.keys()
