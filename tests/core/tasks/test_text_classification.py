"""Text classification: what opens a checkpoint, what a run learns, which data are refused, and resuming to the bit."""

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import pipeline

from core.checkpoints.writer import copy_to_host
from core.data import DataError, data_files, prepare_for
from core.spec.estimate import estimate
from core.spec.problems import SpecError, validate
from core.tasks.objectives import create_objective
from core.training.optimizers import create_optimizers
from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points
from tests.core.training.reference.jobs import CASES

FAMILIES = {
    "bert": "BertForSequenceClassification",
    "modernbert": "ModernBertForSequenceClassification",
    "gpt2": "GPT2ForSequenceClassification",
    "llama": "LlamaForSequenceClassification",
    "t5": "T5EncoderForSequenceClassification",
}
TARGETS = {"one": "kind", "several": "signs", "number": "size"}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def job(family: str, target: str = "one", **changes: Any) -> dict[str, Any]:
    found = copy.deepcopy(CASES["text_classification"].document)
    found["name"] = family
    found["task"] = {"kind": "text_classification", "target": target} | changes.pop("task", {})
    found["model"] |= {"architecture": family}
    found["data"]["text"] = {"label_column": TARGETS[target]}
    for part, values in changes.items():
        found[part] = found[part] | values
    return found


def made(document: dict[str, Any], path: Path, cache: Path) -> tuple[Any, Any]:
    spec = validate(document)
    data = prepare_for(spec, data_files([path], "text"), cache)
    return spec, create_objective(spec, data)


@pytest.mark.parametrize("target", TARGETS)
def test_a_checkpoint_answers_in_a_pipeline_as_the_objective_does(
    family: str,
    target: str,
    labelled_sentences: Path,
    cache: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    _, objective = made(job(family, target), labelled_sentences, cache)
    samples, ids = objective.samples("train"), np.arange(16)
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.05)
    objective(objective.collate(samples.rows(ids), ids, 1)).total.backward()
    optimizer.step()
    objective.eval()
    folder = tmp_path / "folder"
    folder.mkdir()
    objective.export(folder, copy_to_host(objective.state_dict()))
    assert json.loads((folder / "config.json").read_text())["architectures"] == [FAMILIES[family]]
    classify = pipeline("text-classification", str(folder), trust_remote_code=family == "t5", top_k=None)
    assert type(classify.model).__name__ == FAMILIES[family]
    names = list(objective.data.classes) or ["number"]
    texts = [json.loads(line)["text"] for line in labelled_sentences.read_text().splitlines()]
    rows = samples.rows(ids[:6])
    with torch.no_grad():
        scores = objective.scores(rows)
    shares = {"one": scores.softmax(1), "several": scores.sigmoid(), "number": scores}[target]
    for row, expected in zip(rows, shares, strict=True):
        text = _text_of(objective, row, texts)
        (found,) = classify([text], truncation=True)
        answers = {one["label"]: one["score"] for one in found}
        assert [answers[name] for name in names] == pytest.approx(expected.tolist(), abs=2e-4)


def _text_of(objective: Any, row: np.ndarray, texts: list[str]) -> str:
    """The text of which a row has the tokens."""
    special = objective.data.special_ids
    tokens = [token for token in row.tolist() if token not in {special.pad, special.cls, special.sep}]
    return next(
        text
        for text in texts
        if objective.tokenizer.encode(text, add_special_tokens=False).ids[: len(tokens)] == tokens
    )


@pytest.mark.parametrize("target", ["one", "number"])
def test_parameters_are_counted_without_the_network(
    family: str, target: str, labelled_sentences: Path, cache: Path
) -> None:
    spec, objective = made(job(family, target), labelled_sentences, cache)
    vocabulary = objective.data.vocabulary_size
    assert estimate(spec, vocabulary_size=vocabulary, classes=2).parameters == objective.parameter_count


def test_rates_decrease_from_the_head_to_the_embeddings(
    family: str, labelled_sentences: Path, cache: Path
) -> None:
    document = job(family, training={"optimizer": {"kind": "adamw", "layer_decay": 0.5}})
    spec, objective = made(document, labelled_sentences, cache)
    (optimizer,) = create_optimizers(spec.training.optimizer, objective).values()
    rates = {
        id(parameter): group["rate"] for group in optimizer.param_groups for parameter in group["params"]
    }
    blocks = objective.learned_encoder.blocks
    head = objective.model.score if family in {"gpt2", "llama"} else objective.model.classifier
    assert {rates[id(p)] for p in head.parameters()} == {1.0}
    for place, block in enumerate(blocks):
        assert {rates[id(p)] for p in block.parameters()} == {0.5 ** (len(blocks) - place)}
    assert rates[id(objective.model.get_input_embeddings().weight)] == 0.5 ** (len(blocks) + 1)


@pytest.mark.parametrize(
    ("target", "measure", "least"), [("one", "accuracy", 0.8), ("number", "pearson", 0.5)]
)
def test_it_learns(
    target: str, measure: str, least: float, pretrain: Any, labelled_sentences: Path, tmp_path: Path
) -> None:
    training = {
        "steps": 150,
        "batch_size": 16,
        "gradient_clip": 1.0,
        "optimizer": {"kind": "adamw", "learning_rate": 0.003},
        "evaluation_sequences": 64,
        "checkpoint_every": None,
        "evaluate_every": None,
    }
    spec = job("bert", target, training=training, model={"hidden_size": 32, "dropout": 0.0})
    engine = pretrain(spec, tmp_path / "out", data=labelled_sentences)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert engine.of("finished")[0]["values"][f"eval/{measure}"] > least


@pytest.mark.parametrize("target", TARGETS)
def test_a_run_killed_at_three_random_steps_ends_in_the_straight_runs_bits(
    target: str, pretrain: Any, labelled_sentences: Path, tmp_path: Path
) -> None:
    training = {"steps": 8, "evaluate_every": 4, "checkpoint_every": 2}
    spec = job("bert", target, task={"head_dropout": 0.2}, training=training)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    first = pretrain(spec, straight, data=labelled_sentences)
    assert first.end() == {"exit": 0}, first.log.read_text()
    killed_at_three_random_steps(pretrain, spec, broken, data=labelled_sentences)
    assert hashes(broken, 8) == hashes(straight, 8)
    assert points(broken) == points(straight)


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def texts(count: int, **labels: Any) -> list[dict[str, Any]]:
    return [{"text": f"document number {labels} {number}", **labels} for number in range(count)]


def test_labels_that_cannot_be_learned_are_refused(cache: Path, tmp_path: Path) -> None:
    one_class = lines(tmp_path / "one.jsonl", texts(30, kind="a"))
    with pytest.raises(DataError, match="only 'a'") as refused:
        made(job("bert"), one_class, cache)
    assert refused.value.code == "too_few_classes"
    holes = lines(tmp_path / "holes.jsonl", texts(20, kind="a") + texts(20, kind="b") + texts(3, kind=None))
    with pytest.raises(DataError, match="have no class") as refused:
        made(job("bert"), holes, cache)
    assert refused.value.code == "labels_missing"
    _, objective = made(job("bert", data={"on_missing_label": "skip"}), holes, cache)
    parts = [objective.samples(split) for split in ("train", "held_out")]
    assert sum(len(part) for part in parts) == 40
    ids = np.arange(len(parts[0]))
    labels = objective.collate(parts[0].rows(ids), ids, 1).tensors["labels"]
    assert labels.tolist() == parts[0].labels.tolist()


def test_settings_of_classes_are_refused_for_numbers() -> None:
    with pytest.raises(SpecError, match="label_smoothing is for classes"):
        validate(job("bert", "number", task={"label_smoothing": 0.1}))
    with pytest.raises(SpecError, match="class_weights is for classes"):
        validate(job("bert", "number", task={"class_weights": "balanced"}))
