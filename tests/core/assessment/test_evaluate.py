"""The command ``evaluate``: numbers that transformers and hand counts confirm, for every modality."""

import json
import math
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from core.data import data_files
from core.data.text import prepare
from core.data.text.sizes import document_bytes
from core.spec.problems import validate
from tests.core.assessment.conftest import Evaluate, Train, measures
from tests.core.image_jobs import image_job, striped_images


@pytest.fixture
def causal(spec: dict[str, Any]) -> dict[str, Any]:
    spec["task"] = {"kind": "causal_lm"}
    return spec


@pytest.fixture
def other_text(tmp_path: Path) -> Path:
    """Documents that are not in the corpus."""
    path = tmp_path / "other.jsonl"
    chosen = sorted(topics.values())[40:60]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in chosen))
    return path


def test_perplexity_is_that_of_transformers_over_every_token_of_the_text(
    causal: dict[str, Any], corpus: Path, other_text: Path, train: Train, assess: Evaluate
) -> None:
    checkpoint = train(causal, corpus)
    report = assess(checkpoint, other_text, split="all", probes=False)

    model, tokenizer = (
        AutoModelForCausalLM.from_pretrained(checkpoint),
        AutoTokenizer.from_pretrained(checkpoint),
    )
    # All documents in the order of their splits; here as the engine prepares them, with the tokenizer of the checkpoint.
    texts = [json.loads(line)["text"] for line in other_text.read_text().splitlines()]
    nats, tokens = 0.0, 0
    by_split = _documents_by_split(causal, other_text, texts)
    stream = [tokenizer.eos_token_id]
    for text in by_split:
        stream += [*tokenizer(text).input_ids, tokenizer.eos_token_id]
    for start in range(0, len(stream) - 1, 32):
        row = torch.tensor(stream[start : start + 33])
        with torch.no_grad():
            scores = model(row[None, :-1]).logits[0]
        nats += torch.nn.functional.cross_entropy(scores, row[1:], reduction="sum").item()
        tokens += len(row) - 1
    found = measures(report, "language")
    assert tokens == len(stream) - 1
    assert found["loss"]["value"] == pytest.approx(nats / tokens, rel=1e-5)
    assert found["perplexity"]["value"] == pytest.approx(math.exp(nats / tokens), rel=1e-5)
    size = sum(len(text.encode()) for text in texts)
    assert found["bits_per_byte"]["value"] == pytest.approx(nats / math.log(2) / size, rel=1e-5)
    assert all(one["low"] < one["value"] < one["high"] for one in found.values())
    [section] = [part for part in report["sections"] if part["name"] == "language"]
    assert (section["unit"], section["units"]) == ("documents", len(texts))
    assert f"{tokens:,} tokens" in section["counted"]
    assert f"{size:,} bytes" in section["counted"]


def _documents_by_split(spec: dict[str, Any], path: Path, texts: list[str]) -> list[str]:
    """Those of the training split, then those held out, told apart by their sizes, which all differ."""
    job = validate(spec)
    sizes = document_bytes(data_files([path]), job.data, path.parent)
    by_size = {len(text.encode()): text for text in texts}
    assert len(by_size) == len(texts)
    return [by_size[int(size)] for name in ("train", "held_out") for size in sizes[name]]


@pytest.mark.parametrize("held_out", ["by_hash", "tail"])
def test_the_sizes_of_documents_are_those_that_the_prepared_data_count(
    held_out: str, corpus: Path, tmp_path: Path, spec: dict[str, Any]
) -> None:
    spec["data"] |= {"held_out": held_out, "held_out_fraction": 0.3}
    job = validate(spec)
    files = data_files([corpus])
    data = prepare(files, job.data, tmp_path / "cache")
    found = document_bytes(files, job.data, tmp_path)
    for name in ("train", "held_out"):
        statistics = data.statistics(name)
        assert len(found[name]) == statistics.documents == len(data.offsets(name)) - 1
        assert found[name].sum() == statistics.text_bytes


@pytest.mark.parametrize("task", ["masked_lm", "text_denoising_autoencoder"])
def test_own_measures_over_the_whole_split_are_those_of_the_curves(
    task: str, spec: dict[str, Any], corpus: Path, train: Train, assess: Evaluate
) -> None:
    spec["task"] = {"kind": task}
    spec["training"]["evaluation_sequences"] = 100_000
    if task == "text_denoising_autoencoder":
        spec["model"] = {"preset": "t5-mini", "layers": 1, "hidden_size": 32, "heads": 2}
    checkpoint = train(spec, corpus)
    report = assess(checkpoint, corpus)
    found = measures(report, "task")
    told = json.loads((checkpoint / "manifest.json").read_text())["metrics"]
    assert {f"eval/{name}" for name in found} == {name for name in told if name.startswith("eval/")}
    for name, measure in found.items():
        assert measure["value"] == pytest.approx(told[f"eval/{name}"], rel=1e-5), name
    assert found["loss"]["low"] < found["loss"]["value"] < found["loss"]["high"]
    assert not [part for part in report["sections"] if part["name"] == "language"]


def test_a_checkpoint_reads_another_dataset_with_its_own_tokenizer_and_documents_are_compared_in_pairs(
    causal: dict[str, Any], corpus: Path, other_text: Path, train: Train, assess: Evaluate
) -> None:
    first = train(causal, corpus)
    causal["data"]["tokenizer"] = {"kind": "byte"}
    causal["training"]["steps"] = 5
    second = train(causal, corpus)
    report = assess(first, other_text, against=second, split="all")
    found = measures(report, "language")
    assert found["bits_per_byte"]["difference"]["value"] == pytest.approx(
        found["bits_per_byte"]["value"] - found["bits_per_byte"]["against"]["value"]
    )
    # A byte is one token of the second, whose loss in nats is therefore its bits per byte but for the separators.
    assert found["loss"]["against"]["value"] == pytest.approx(
        found["bits_per_byte"]["against"]["value"] * math.log(2), rel=0.01
    )
    assert found["bits_per_byte"]["difference"]["high"] < 0, "16 steps against 5"
    sections = {part["name"]: part["paired"] for part in report["sections"]}
    assert sections == {"language": True, "task": False}, "rows of other tokens are other rows"

    swapped = measures(assess(second, other_text, against=first, split="all"), "language")["bits_per_byte"]
    assert swapped["difference"]["low"] == pytest.approx(-found["bits_per_byte"]["difference"]["high"])


def test_probes_of_two_checkpoints_on_the_same_images(tmp_path: Path, train: Train, assess: Evaluate) -> None:
    images = striped_images(tmp_path / "images.zip")
    job = image_job("masked_autoencoder")
    first = train(job, images)
    other = image_job("rotation", data={"image": {"size": 24}}, training={"steps": 3})
    second = train(other, images)
    report = assess(first, images, against=second)
    [section] = [part for part in report["sections"] if part["name"] == "probes"]
    assert section["paired"]
    assert section["unit"] == "images"
    found = measures(report, "probes")
    assert list(found) == ["knn_accuracy", "linear_accuracy"]
    for measure in found.values():
        assert measure["low"] <= measure["value"] <= measure["high"]
        test = measure["mcnemar"]
        difference = (test["only_second"] - test["only_first"]) / section["units"]
        assert measure["against"]["value"] - measure["value"] == pytest.approx(difference)
        assert 0 < test["p_value"] <= 1
    [task] = [part for part in report["sections"] if part["name"] == "task"]
    assert task["paired"] is False


def test_images_of_another_dataset_are_normalised_as_in_training(
    tmp_path: Path, train: Train, assess: Evaluate
) -> None:
    images = striped_images(tmp_path / "images.zip")
    checkpoint = train(image_job("masked_autoencoder"), images)
    same = assess(checkpoint, images, probes=False)
    # The same images beside many white ones have other statistics and the same held-out ones among them.
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "renamed.zip").write_bytes(images.read_bytes())
    renamed = assess(checkpoint, copy, probes=False)
    assert measures(renamed, "task")["loss"]["value"] == pytest.approx(
        measures(same, "task")["loss"]["value"], rel=1e-4
    )
    settings = checkpoint / "preprocessor_config.json"
    document = json.loads(settings.read_text()) | {"image_mean": [0.1, 0.1, 0.1]}
    settings.write_text(json.dumps(document))
    manifest = json.loads((checkpoint / "manifest.json").read_text())
    [entry] = [file for file in manifest["files"] if file["path"] == settings.name]
    entry |= {"bytes": settings.stat().st_size}
    digests = {file["path"]: file["sha256"] for file in manifest["files"]}
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    from core.commands.digests import Digests  # noqa: PLC0415

    moved = assess(checkpoint, copy, probes=False, digests=Digests(checkpoint=digests))
    assert measures(moved, "task")["loss"]["value"] != measures(same, "task")["loss"]["value"]


def test_recordings_are_the_units_of_clips(
    audio_spec: dict[str, Any], audio_tasks: dict[str, Any], recordings: Path, train: Train, assess: Evaluate
) -> None:
    audio_spec["task"] = audio_tasks["masked_spectrogram"]
    audio_spec["data"]["audio"] |= {"clip_seconds": 0.1, "group_pattern": None}
    audio_spec["data"]["held_out_fraction"] = 0.3
    report = assess(train(audio_spec, recordings), recordings)
    [section] = [part for part in report["sections"] if part["name"] == "probes"]
    assert section["unit"] == "recordings"
    assert 2 <= section["units"] < 40
    assert "clips" in section["counted"]


def test_without_labels_or_without_asking_there_are_no_probes(
    spec: dict[str, Any], corpus: Path, tmp_path: Path, train: Train, assess: Evaluate
) -> None:
    assert [part["name"] for part in assess(train(spec, corpus), corpus)["sections"]] == ["task"]
    images = striped_images(tmp_path / "images.zip")
    report = assess(train(image_job("masked_autoencoder"), images), images, probes=False)
    assert [part["name"] for part in report["sections"]] == ["task"]


def test_a_checkpoint_of_another_modality_is_not_compared(
    spec: dict[str, Any], corpus: Path, tmp_path: Path, train: Train, assess: Evaluate
) -> None:
    images = striped_images(tmp_path / "images.zip")
    failed = assess(train(spec, corpus), corpus, against=train(image_job("masked_autoencoder"), images))
    assert failed["code"] == "checkpoint_mismatch"
    assert "from image" in failed["message"]


def test_a_damaged_checkpoint_is_not_evaluated(
    spec: dict[str, Any], corpus: Path, train: Train, assess: Evaluate
) -> None:
    checkpoint = train(spec, corpus)
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert assess(checkpoint, corpus)["code"] == "checkpoint_damaged"
