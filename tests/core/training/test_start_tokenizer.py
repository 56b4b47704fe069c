"""A run on other text takes the tokenizer of the checkpoint that it starts from."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer

from core.data import DataError, data_files, prepare_for
from core.data.text.start_tokenizer import StartTokenizer
from core.spec.prepared import TOKENIZER_SOURCE
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from tests.core.training.interruptions import hashes, points
from tests.core.training.test_start import STEPS, document

KINDS = [
    "masked_lm",
    "masked_lm-modernbert",
    "causal_lm-apart",
    "causal_lm-llama",
    "text_denoising_autoencoder",
]
OF_CHECKPOINT = {"tokenizer": {"kind": "checkpoint"}}


@pytest.fixture
def others(tmp_path: Path) -> Path:
    """Text with other words and characters than the run before has seen."""
    path = tmp_path / "others.txt"
    path.write_text(
        "\f".join(f"Größe {n}: ein Maß für den Zöllner, der {n * 7} Äpfel zählt.\n" * 6 for n in range(150))
    )
    return path


def followed(name: str, scope: str, steps: int = STEPS) -> dict[str, Any]:
    found = document(name, scope=scope)
    found["data"] = found.get("data", {}) | OF_CHECKPOINT
    found["training"] |= {"steps": steps + (STEPS if scope == "all" else 0)}
    return found


@pytest.mark.parametrize("scope", ["encoder", "all"])
@pytest.mark.parametrize("name", KINDS)
def test_other_data_are_read_with_the_tokenizer_of_the_checkpoint(
    name: str, scope: str, pretrain: Any, trained: Path, others: Path, tmp_path: Path
) -> None:
    out, second = tmp_path / "out", followed(name, scope)
    engine = pretrain(second, out, "--start", str(trained), data=others)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    own = out / f"step-{second['training']['steps']:08d}"
    before, after = (AutoTokenizer.from_pretrained(folder) for folder in (trained, own))
    assert after.get_vocab() == before.get_vocab()
    text = "Größe 12: ein Maß"
    assert after(text)["input_ids"] == before(text)["input_ids"]
    assert (own / TOKENIZER_SOURCE / "tokenizer.json").read_bytes() == (
        trained / "tokenizer.json"
    ).read_bytes()
    shapes = [json.loads((folder / "config.json").read_text())["vocab_size"] for folder in (trained, own)]
    assert shapes[0] == shapes[1]


@pytest.fixture
def trained(request: pytest.FixtureRequest, pretrain: Any, sentences: Path, tmp_path: Path) -> Path:
    """The last checkpoint of a run of the test's task on the sentences."""
    callspec = getattr(request.node, "callspec", None)
    name = callspec.params.get("name", "masked_lm") if callspec else "masked_lm"
    engine = pretrain(document(name), tmp_path / "first", data=sentences)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    return tmp_path / "first" / f"step-{STEPS:08d}"


@pytest.mark.parametrize("name", ["masked_lm", "causal_lm-apart"])
def test_a_run_goes_on_to_the_same_bits_without_the_checkpoint_that_it_started_from(
    name: str, pretrain: Any, trained: Path, others: Path, tmp_path: Path
) -> None:
    second = followed(name, "encoder", steps=6)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    start = ("--start", str(trained))
    assert pretrain(second, straight, *start, data=others).end() == {"exit": 0}
    assert pretrain(second, broken, *start, data=others, dies_at=5).end() == {"signal": signal.SIGKILL}
    shutil.rmtree(trained)
    # Its prepared data are gone too, as on another machine: the tokenizer is read from its own checkpoint.
    shutil.rmtree(broken / "cache", ignore_errors=True)
    last = pretrain(second, broken, data=others)
    assert last.end() == {"exit": 0}, last.log.read_text()
    assert last.of("started")[0]["resumed_from_step"] in {2, 4}
    assert hashes(broken, 6) == hashes(straight, 6)
    assert points(broken) == points(straight)


def test_prepared_data_are_shared_by_checkpoints_with_the_same_tokenizer_and_by_no_others(
    pretrain: Any, trained: Path, others: Path, tmp_path: Path
) -> None:
    cache, second = tmp_path / "prepared", followed("masked_lm", "encoder")
    out = tmp_path / "out"
    assert pretrain(second, out, "--start", str(trained), data=others).end() == {"exit": 0}
    job, files = validate(second), data_files([others])
    prepared = prepare_for(job, files, cache, start=trained)
    again = prepare_for(job, files, cache, start=out / f"step-{STEPS:08d}")
    assert (again.key, again.facts["cached"]) == (prepared.key, True)
    changed = tmp_path / "changed"
    shutil.copytree(trained, changed)
    settings = json.loads((changed / "tokenizer.json").read_text())
    settings["added_tokens"].append(settings["added_tokens"][-1] | {"id": 2000, "content": "[NEW]"})
    (changed / "tokenizer.json").write_text(json.dumps(settings))
    other = prepare_for(job, files, cache, start=changed)
    assert other.key != prepared.key


def test_a_baseline_takes_the_tokenizer_and_no_weights(
    pretrain: Any, trained: Path, others: Path, tmp_path: Path
) -> None:
    out, second = tmp_path / "out", followed("masked_lm", "tokenizer")
    # So small that the weights stay those of the beginning.
    second["training"]["optimizer"] = {"learning_rate": 1e-12, "weight_decay": 0}
    engine = pretrain(second, out, "--start", str(trained), data=others)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    job = validate(second)
    fresh = create_objective(job, prepare_for(job, data_files([others]), tmp_path / "cache", start=trained))
    network = fresh.bundle.root
    assert network is not None
    wanted = network.model.state_dict()
    own = load_file(out / f"step-{STEPS:08d}" / "model.safetensors")
    assert own.keys() <= wanted.keys()
    for name, weight in own.items():
        torch.testing.assert_close(weight, wanted[name], atol=1e-6, rtol=0)


def test_a_run_that_names_no_checkpoint_is_told_to(pretrain: Any, others: Path, tmp_path: Path) -> None:
    engine = pretrain(followed("masked_lm", "encoder"), tmp_path / "out", data=others)
    assert engine.end()["exit"] != 0
    (failed,) = engine.of("failed")
    assert failed["code"] == "start_missing"
    assert "--start" in failed["hint"]


def gpt2_tokenizer(folder: Path, **settings: Any) -> None:
    """A tokenizer as GPT-2's: one special token, for the end of a text, and none for padding or masks."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*alphabet, "<|endoftext|>"])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|endoftext|>"])
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def test_the_vocabulary_of_a_tokenizer_with_one_special_token_does_not_grow(
    others: Path, tmp_path: Path
) -> None:
    gpt2_tokenizer(tmp_path / "gpt2", eos_token={"content": "<|endoftext|>", "special": True}, bos_token=None)
    job = validate(followed("causal_lm-apart", "encoder"))
    prepared: Any = prepare_for(job, data_files([others]), tmp_path / "cache", start=tmp_path / "gpt2")
    assert prepared.vocabulary_size == 257
    special = prepared.special_ids
    assert (special.sep, special.cls, special.pad, special.unk, special.mask) == (256, 256, 256, 256, -1)
    objective: Any = create_objective(job, prepared)
    rows = objective.samples("train").rows(torch.arange(2).numpy())
    objective.eval()
    assert torch.isfinite(objective.encode(rows)).all()


def test_masks_need_a_token_for_them(pretrain: Any, others: Path, tmp_path: Path) -> None:
    gpt2_tokenizer(tmp_path / "gpt2", eos_token="<|endoftext|>")
    job = validate(followed("masked_lm", "encoder"))
    prepared = prepare_for(job, data_files([others]), tmp_path / "cache", start=tmp_path / "gpt2")
    with pytest.raises(Exception, match="no token for masks"):
        create_objective(job, prepared)


@pytest.mark.parametrize(
    ("settings", "message"), [("{}", "names no token that ends a text"), ("{", "is not JSON")]
)
def test_a_tokenizer_that_cannot_be_used_is_refused(
    settings: str, message: str, others: Path, tmp_path: Path
) -> None:
    gpt2_tokenizer(tmp_path / "gpt2")
    (tmp_path / "gpt2" / "tokenizer_config.json").write_text(settings)
    job = validate(followed("masked_lm", "encoder"))
    with pytest.raises(Exception, match=message):
        prepare_for(job, data_files([others]), tmp_path / "cache", start=tmp_path / "gpt2")


@pytest.mark.parametrize("token", [{}, ["[PAD]"], 7, {"content": None}])
def test_settings_that_name_no_token_are_refused(token: Any) -> None:
    settings = json.dumps({"pad_token": token, "mask_token": {"content": "[MASK]"}}).encode()
    with pytest.raises(DataError, match="pad_token in the settings") as refused:
        _ = StartTokenizer({"tokenizer.json": b"{}", "tokenizer_config.json": settings}).declared
    assert refused.value.code == "tokenizer_invalid"


def test_a_checkpoint_without_a_tokenizer_is_refused(others: Path, tmp_path: Path) -> None:
    (tmp_path / "vit").mkdir()
    job = validate(followed("masked_lm", "encoder"))
    with pytest.raises(Exception, match=r"has no tokenizer\.json"):
        prepare_for(job, data_files([others]), tmp_path / "cache", start=tmp_path / "vit")
