"""Uploaded models with a head of fine-tuning: they answer as they are, and training goes on with the head and its classes."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import (
    AutoModelForSequenceClassification,
    AutoProcessor,
    AutoTokenizer,
    Wav2Vec2CTCTokenizer,
    pipeline,
)

from core.continual.classes import with_classes_of
from core.data import data_files, prepare_for
from core.errors import EngineError
from core.formats import FormatError
from core.objectives.predictions import Asked
from core.prediction.opening import open_checkpoint
from core.spec.predictions import RankedOptions
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from core.tasks.speech_recognition.characters import Vocabulary
from tests.core.published_models import CLASSES, HEADED, TAGS, published, saved
from tests.core.published_networks import RATE, saved_network
from tests.core.training.test_published_networks import job_of as network_job
from tests.core.training.test_published_starts import job_of

TASKS = {
    "bert texts": {"kind": "text_classification", "target": "one"},
    "bert several": {"kind": "text_classification", "target": "several"},
    "bert number": {"kind": "text_classification", "target": "number"},
    "bert words": {"kind": "token_classification"},
    "modernbert texts": {"kind": "text_classification", "target": "one"},
    "modernbert words": {"kind": "token_classification"},
}
TEXT = "the cat sat on the mat"


def opened(directory: Path, scratch: Path) -> Any:
    scratch.mkdir()
    return open_checkpoint(directory, scratch)


def answer(found: Any, kind: str, asked: Asked) -> dict[str, Any]:
    answering = found.objective.predictors[found.prediction(kind).kind](asked)
    assert next(answering) is None
    with pytest.raises(StopIteration) as end:
        next(answering)
    value: dict[str, Any] = end.value.value
    return value


@pytest.mark.parametrize("name", HEADED)
@torch.no_grad()
def test_a_model_with_a_head_answers_as_in_transformers(name: str, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    original = saved(name, directory)
    assert published(directory).document["task"] == TASKS[name]
    found = opened(directory, tmp_path / "scratch")
    assert not found.missing
    ids = torch.tensor([AutoTokenizer.from_pretrained(directory)(f"[CLS] {TEXT} [SEP]")["input_ids"]])
    expected = original(input_ids=ids).logits[0]
    rows = found.objective.text_rows(TEXT)
    assert rows.tolist() == ids.tolist()
    assert torch.allclose(found.objective.scores(rows)[0], expected, atol=1e-5)
    # With padding beside it, too.
    padded = np.concatenate([np.pad(rows, ((0, 0), (0, 6)), constant_values=14), np.full((1, 14), 3)])
    assert torch.allclose(found.objective.scores(padded)[0][: len(expected)], expected, atol=1e-5)
    if name.endswith("words"):
        tags = answer(found, "tag", Asked(None, TEXT))["words"]
        places = expected[1:-1].argmax(dim=1).tolist()
        assert [word["tag"] for word in tags] == [TAGS[place] for place in places]
    elif name == "bert number":
        assert answer(found, "classify", Asked(RankedOptions(), TEXT))["number"] == pytest.approx(
            expected.item(), abs=1e-5
        )
    else:
        ranked = answer(found, "classify", Asked(RankedOptions(), TEXT))["classes"]
        shares = expected.sigmoid() if name == "bert several" else expected.softmax(0)
        assert {one["name"]: one["probability"] for one in ranked} == pytest.approx(
            dict(zip(CLASSES, shares.tolist(), strict=True)), abs=1e-5
        )


@torch.no_grad()
def test_a_classifier_of_recordings_answers_as_in_transformers(tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved_network("wav2vec2 classifier", directory)
    task = published(directory).document["task"]
    assert task["kind"] == "audio_classification"
    assert "codebooks" not in task
    found = opened(directory, tmp_path / "scratch")
    assert not found.missing
    samples = (np.random.default_rng(0).normal(size=RATE // 2) * 3000).astype(np.int16)
    classify = pipeline("audio-classification", str(directory), device="cpu")
    expected = {
        one["label"]: one["score"]
        for one in classify({"raw": samples / 32768, "sampling_rate": RATE}, top_k=3)
    }
    waves = torch.from_numpy(samples[None] / 32768).float()
    lengths = torch.tensor([samples.size])
    inputs = found.objective.standardized(waves, lengths)
    real = torch.ones(1, int(found.objective.frames_of(lengths.numpy())[0]), dtype=torch.bool)
    scores = found.objective.head(inputs, real)[0].softmax(0)
    assert dict(zip(found.objective.classes, scores.tolist(), strict=True)) == pytest.approx(
        expected, abs=1e-4
    )


@pytest.fixture
def kinds(tmp_path: Path) -> Path:
    """Texts with the classes of `CLASSES`, which a dataset has in the order of the alphabet."""
    dice = np.random.default_rng(1)
    words = {"walk": "the cat ran", "eat": "a dog sat", "sleep": "red house tree"}
    lines = []
    for number in range(240):
        name = CLASSES[number % 3]
        text = f"{words[name]} {' '.join(dice.choice(words[name].split(), 4))} {number}"
        lines.append({"text": text, "label": name})
    path = tmp_path / "kinds.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def going_on(directory: Path, **data: Any) -> dict[str, Any]:
    document = job_of(directory, "all")
    document["data"] |= data
    return document


def test_classes_of_a_dataset_have_the_numbers_of_the_heads_outputs(kinds: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved("bert texts", directory)
    job = validate(going_on(directory))
    prepared: Any = prepare_for(job, data_files([kinds]), tmp_path / "cache", start=directory)
    assert prepared.classes == tuple(sorted(CLASSES))
    (tmp_path / "scratch").mkdir()
    data: Any = with_classes_of(job, prepared, directory, tmp_path / "scratch")
    assert data.classes == CLASSES
    for split in ("train", "held_out"):
        names = [prepared.classes[number] for number in prepared.labels(split)]
        assert [data.classes[number] for number in data.labels(split)] == names
    objective: Any = create_objective(job, data)
    assert objective.start_from_published(directory) == []


def test_training_goes_on_with_the_head_to_the_same_bits(pretrain: Any, kinds: Path, tmp_path: Path) -> None:
    directory, out, broken = tmp_path / "model", tmp_path / "out", tmp_path / "broken"
    original = saved("bert texts", directory)
    with torch.no_grad():
        # With new embeddings of a hundredth the norms' epsilon hides the words.
        original.get_input_embeddings().weight.mul_(20)
    original.save_pretrained(directory)
    data = tmp_path / "data"
    data.mkdir()
    lines = kinds.read_text().splitlines(keepends=True)
    (data / "train.jsonl").write_text("".join(lines[:180]))
    (data / "test.jsonl").write_text("".join(lines[180:]))
    job = going_on(directory)
    job["training"] |= {"steps": 20, "batch_size": 12, "checkpoint_every": 5, "evaluate_every": 20}
    start = ("--start", str(directory))
    engine = pretrain(job, out, *start, data=data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert not [event for event in engine.of("warning") if event["code"] == "weights_missing"]
    own = out / "step-00000020"
    config = json.loads((own / "config.json").read_text())
    assert [config["id2label"][str(number)] for number in range(3)] == list(CLASSES)
    # It is as often right as it says, by the names of its own configuration.
    classify = pipeline("text-classification", str(own), device="cpu")
    right = [
        classify(f"[CLS] {line['text']} [SEP]")[0]["label"] == line["label"]
        for line in map(json.loads, lines[180:])
    ]
    values = engine.of("finished")[0]["values"]
    assert values["eval/accuracy"] == pytest.approx(np.mean(right), abs=1e-9)
    reopened = AutoModelForSequenceClassification.from_pretrained(own)
    assert not torch.equal(reopened.classifier.weight, original.classifier.weight)
    assert pretrain(job, broken, *start, data=data, dies_at=18).end()["signal"]
    again = pretrain(job, broken, *start, data=data)
    assert again.end() == {"exit": 0}, again.log.read_text()
    for name in ("model.safetensors", "config.json"):
        assert (broken / "step-00000020" / name).read_bytes() == (own / name).read_bytes()


def test_classes_that_the_head_does_not_know_are_refused_or_left_out(
    pretrain: Any, kinds: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "model"
    saved("bert texts", directory)
    kinds.write_text(kinds.read_text().replace('"sleep"', '"drink"'))
    engine = pretrain(going_on(directory), tmp_path / "out", "--start", str(directory), data=kinds)
    assert engine.end()["exit"] != 0
    (failed,) = engine.of("failed")
    assert failed["code"] == "checkpoint_mismatch"
    assert "'drink'" in failed["message"]
    assert "start.scope to encoder" in failed["hint"]
    job = going_on(directory, on_missing_label="skip")
    engine = pretrain(job, tmp_path / "skipped", "--start", str(directory), data=kinds)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    # Its encoder takes another head.
    job = going_on(directory) | {"start": {"scope": "encoder"}}
    engine = pretrain(job, tmp_path / "encoder", "--start", str(directory), data=kinds)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    config = json.loads((tmp_path / "encoder" / "step-00000003" / "config.json").read_text())
    assert sorted(config["id2label"].values()) == ["drink", "eat", "walk"]


def test_unknown_classes_are_told_without_a_run(kinds: Path, tmp_path: Path) -> None:
    directory = tmp_path / "model"
    saved("bert texts", directory)
    kinds.write_text(kinds.read_text().replace('"sleep"', '"drink"'))
    job = validate(going_on(directory))
    prepared = prepare_for(job, data_files([kinds]), tmp_path / "cache", start=directory)
    (tmp_path / "scratch").mkdir()
    with pytest.raises(EngineError) as refused:
        with_classes_of(job, prepared, directory, tmp_path / "scratch")
    assert refused.value.details["case"] == "unknown_classes"


LETTERS = ("<pad>", "<s>", "</s>", "<unk>", "|", "A", "B", "C", "'")


def recogniser(directory: Path, tokens: Sequence[str], **settings: Any) -> None:
    """A network with a head for CTC, and the files of its tokenizer."""
    saved_network("wav2vec2 with norms of layers", directory, pad_token_id=tokens.index("<pad>"), **settings)
    (directory / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    tokenizer: Any = Wav2Vec2CTCTokenizer(str(directory / "vocab.json"))
    tokenizer.save_pretrained(directory)


@pytest.mark.parametrize("tokens", [LETTERS, (*LETTERS[1:], "<pad>")], ids=["blank first", "blank last"])
@torch.no_grad()
def test_a_recogniser_writes_what_it_writes_in_transformers(tokens: tuple[str, ...], tmp_path: Path) -> None:
    directory = tmp_path / "model"
    recogniser(directory, tokens)
    task = published(directory).document["task"]
    assert (task["kind"], task["lowercase"], task["keep_apostrophes"]) == ("speech_recognition", True, True)
    found = opened(directory, tmp_path / "scratch")
    assert not found.missing
    transcribe = pipeline("automatic-speech-recognition", str(directory), device="cpu")
    dice = np.random.default_rng(0)
    said = set()
    for _ in range(4):
        samples = (dice.normal(size=RATE // 2) * dice.uniform(100, 9000)).astype(np.int16)
        waves, lengths = torch.from_numpy(samples[None] / 32768).float(), torch.tensor([samples.size])
        frames = torch.from_numpy(found.objective.frames_of(lengths.numpy()))
        scores = found.objective._scores(waves, lengths, frames)
        (text,) = found.objective._decoded(scores, frames.numpy())
        assert text == transcribe({"raw": samples.astype(np.float32) / 32768, "sampling_rate": RATE})["text"]
        said.add(text)
    assert said - {""}


def test_a_recogniser_learns_on_with_its_characters(pretrain: Any, tones: Path, tmp_path: Path) -> None:
    directory, out, broken = tmp_path / "model", tmp_path / "out", tmp_path / "broken"
    recogniser(directory, (*LETTERS[1:], "<pad>"))
    document = network_job(directory, published(directory).document["task"], "all")
    document["data"]["audio"]["group_pattern"] = "/(?P<group>[a-z])_"
    document["training"] |= {"steps": 4, "checkpoint_every": 1, "evaluate_every": 4}
    start = ("--start", str(directory))
    engine = pretrain(document, out, *start, data=tones)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert not [event for event in engine.of("warning") if event["code"] == "weights_missing"]
    own = out / "step-00000004"
    assert json.loads((own / "vocab.json").read_text()) == json.loads((directory / "vocab.json").read_text())
    assert json.loads((own / "config.json").read_text())["pad_token_id"] == 8
    processor = AutoProcessor.from_pretrained(own)
    assert processor.tokenizer("AB C").input_ids == [4, 5, 3, 6]
    assert pretrain(document, broken, *start, data=tones, dies_at=3).end()["signal"]
    again = pretrain(document, broken, *start, data=tones)
    assert again.end() == {"exit": 0}, again.log.read_text()
    assert again.of("started")[0]["resumed_from_step"] in {1, 2}
    assert (broken / "step-00000004" / "model.safetensors").read_bytes() == (
        own / "model.safetensors"
    ).read_bytes()


def test_without_its_characters_only_the_encoder_of_a_recogniser_is_used(tmp_path: Path) -> None:
    saved_network("wav2vec2 with norms of layers", tmp_path)
    assert published(tmp_path).document["task"]["kind"] == "wav2vec2"


@pytest.mark.parametrize(
    ("tokens", "settings", "code"),
    [
        (LETTERS[:-1], {}, "checkpoint_misfit"),
        ((*LETTERS[:4], "/", *LETTERS[5:]), {}, "checkpoint_unsupported"),
        (LETTERS, {"pad_token_id": 3}, "checkpoint_misfit"),
    ],
)
def test_characters_that_do_not_fit_the_head_are_refused(
    tokens: tuple[str, ...], settings: dict[str, Any], code: str, tmp_path: Path
) -> None:
    recogniser(tmp_path, tokens)
    file = tmp_path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | settings))
    with pytest.raises(FormatError) as refused:
        published(tmp_path)
    assert refused.value.code == code


def test_capitals_stand_for_all_letters() -> None:
    vocabulary = Vocabulary(LETTERS)
    assert vocabulary.encode("ab c'x").tolist() == [5, 6, 4, 7, 8, 3]
    assert vocabulary.decode([0, 5, 5, 0, 5, 6, 4, 4, 7]) == "AAB C"
    mixed = Vocabulary((*LETTERS, "a"))
    assert mixed.encode("aA").tolist() == [9, 5]
    assert Vocabulary(("[PAD]", "|", "a")).encode("axa a").tolist() == [2, 2, 1, 2]
