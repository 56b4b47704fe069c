"""Token classification: what opens a checkpoint, what a run learns, which data are refused, and resuming to the bit."""

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
from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points
from tests.core.training.reference.jobs import CASES

FAMILIES = {
    "bert": "BertForTokenClassification",
    "modernbert": "ModernBertForTokenClassification",
    "gpt2": "GPT2ForTokenClassification",
    "llama": "LlamaForTokenClassification",
    "t5": "T5ForTokenClassification",
}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def job(family: str, **changes: Any) -> dict[str, Any]:
    found = copy.deepcopy(CASES["token_classification"].document)
    found["task"] = {"kind": "token_classification"} | changes.pop("task", {})
    found["model"] |= {"architecture": family}
    for part, values in changes.items():
        found[part] = found[part] | values
    return found


def made(document: dict[str, Any], path: Path, cache: Path) -> tuple[Any, Any]:
    spec = validate(document)
    data = prepare_for(spec, data_files([path], "text"), cache)
    return spec, create_objective(spec, data)


def test_a_checkpoint_answers_in_a_pipeline_as_the_objective_does(
    family: str, tagged_sentences: Path, cache: Path, tmp_path: Path
) -> None:
    _, objective = made(job(family, training={"sequence_length": 64}), tagged_sentences, cache)
    samples, ids = objective.samples("train"), np.arange(16)
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.05)
    objective(objective.collate(samples.rows(ids), ids, 1)).total.backward()
    optimizer.step()
    objective.eval()
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    assert json.loads((tmp_path / "config.json").read_text())["architectures"] == [FAMILIES[family]]
    tag = pipeline("token-classification", str(tmp_path), ignore_labels=[])
    assert type(tag.model).__name__ == FAMILIES[family]
    texts = [
        " ".join(line.split("\t")[0] for line in sentence.split("\n"))
        for sentence in tagged_sentences.read_text().strip().split("\n\n")
    ]
    rows, special = samples.rows(ids[:6]), objective.data.special_ids
    with torch.no_grad():
        shares = objective.scores(rows).softmax(2)
    first = 0 if family == "t5" else 1
    for row, expected in zip(rows, shares, strict=True):
        tokens = [token for token in row.tolist() if token not in {special.pad, special.cls, special.sep}]
        text = next(
            text for text in texts if objective.tokenizer.encode(text, add_special_tokens=False).ids == tokens
        )
        answers = tag(text)
        assert len(answers) == len(tokens)
        for place, answer in enumerate(answers):
            best = int(expected[first + place].argmax())
            assert answer["entity"] == objective.classes[best]
            assert answer["score"] == pytest.approx(float(expected[first + place, best]), abs=2e-4)


def test_parameters_are_counted_without_the_network(family: str, tagged_sentences: Path, cache: Path) -> None:
    spec, objective = made(job(family), tagged_sentences, cache)
    vocabulary, classes = objective.data.vocabulary_size, len(objective.classes)
    assert estimate(spec, vocabulary_size=vocabulary, classes=classes).parameters == objective.parameter_count


def test_it_learns(pretrain: Any, tagged_sentences: Path, tmp_path: Path) -> None:
    training = {
        "steps": 150,
        "batch_size": 16,
        "sequence_length": 32,
        "gradient_clip": 1.0,
        "optimizer": {"kind": "adamw", "learning_rate": 0.003},
        "evaluation_sequences": 64,
        "checkpoint_every": None,
        "evaluate_every": None,
    }
    spec = job("bert", training=training, model={"hidden_size": 32, "dropout": 0.0})
    engine = pretrain(spec, tmp_path / "out", data=tagged_sentences)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    assert engine.of("finished")[0]["values"]["eval/entity_f1"] > 0.7
    shown = {one["name"] for one in engine.of("sample")}
    assert shown == {"entity_types", "tag_mistakes"}


@pytest.mark.parametrize("family", ["bert", "t5"])
def test_a_run_killed_at_three_random_steps_ends_in_the_straight_runs_bits(
    family: str, pretrain: Any, tagged_sentences: Path, tmp_path: Path
) -> None:
    training = {"steps": 8, "evaluate_every": 4, "checkpoint_every": 2}
    spec = job(family, task={"head_dropout": 0.2}, training=training)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    first = pretrain(spec, straight, data=tagged_sentences)
    assert first.end() == {"exit": 0}, first.log.read_text()
    killed_at_three_random_steps(pretrain, spec, broken, data=tagged_sentences)
    assert hashes(broken, 8) == hashes(straight, 8)
    assert points(broken) == points(straight)


def conll(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "a.conll"
    path.write_text(text)
    return path


def test_words_that_truncation_drops_are_misses(cache: Path, tmp_path: Path) -> None:
    # The last word is an entity, and beyond the row.
    sentences = [f"{'word ' * 40}{number}".split() for number in range(12)]
    text = "\n\n".join(
        "\n".join(f"{w}\t{'B-x' if at in {0, 40} else 'O'}" for at, w in enumerate(s)) for s in sentences
    )
    document = job("bert", training={"sequence_length": 16}, data={"tokenizer": {"kind": "byte"}})
    _, objective = made(document, conll(tmp_path, text), cache)
    objective.eval()
    samples = objective.samples("held_out")
    ids = np.arange(len(samples))
    outside, inside = objective.classes.index("O"), objective.classes.index("B-x")
    length = samples.rows(ids).shape[1]
    assert length == 16
    scores = torch.zeros(len(ids), length, len(objective.classes))
    scores[:, :, outside] = 1
    scores[:, 1, inside] = 2  # the first word is found
    objective.scores = lambda rows: scores[: len(rows)]
    values = objective.evaluate(samples, ids, 64)
    assert values["eval/entity_precision"] == 1.0
    assert values["eval/entity_recall"] == 0.5
    assert values["eval/word_accuracy"] == pytest.approx(40 / 41)


def test_the_loss_is_at_the_first_token_of_each_word(cache: Path, tmp_path: Path) -> None:
    document = job("bert", training={"sequence_length": 16}, data={"tokenizer": {"kind": "byte"}})
    text = "\n\n".join(f"ab\tB-x\nc\tO\nd{number}\tB-x" for number in range(12))
    _, objective = made(document, conll(tmp_path, text), cache)
    samples, ids = objective.samples("train"), np.arange(3)
    targets = objective.collate(samples.rows(ids), ids, 1).tensors["targets"]
    begin = objective.classes.index("B-x")
    # [CLS] a b _ c _ d n [SEP]
    assert targets[0, :9].tolist() == [-100, begin, -100, -100, 0, -100, begin, -100, -100]


def test_sentences_without_tags(cache: Path, tmp_path: Path) -> None:
    text = "\n\n".join(f"ab\tB-x\nc\tO\nd{n}\t{'' if n % 3 == 0 else 'B-x'}" for n in range(12)) + "\n"
    with pytest.raises(DataError, match="have no class") as refused:
        made(job("bert"), conll(tmp_path, text), cache)
    assert refused.value.code == "labels_missing"
    assert "a.conll, line" in refused.value.message
    _, objective = made(job("bert", data={"on_missing_label": "skip"}), conll(tmp_path, text), cache)
    parts = [objective.samples(split) for split in ("train", "held_out")]
    assert sum(len(part) for part in parts) == 8
    ids = np.arange(len(parts[0]))
    targets = objective.collate(parts[0].rows(ids), ids, 1).tensors["targets"]
    assert ((targets >= 0).sum(dim=1) == 3).all()


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("a\tO\nb\tO\n\nc\tO\n\nd\tO\n", "too_few_classes", "No word has a tag other than O"),
        (
            "a\tB-x\nb\tO\n\nc\tO\nd\n",
            "data_unreadable",
            r"a\.conll: line 5 has 1 column separated by tabs \('d'\)",
        ),
        ("a\tB-x\n\nb\tO\nc\tI-x\n", "data_unreadable", r"a\.conll: line 4: 'I-x' follows 'O'"),
        ("a\tB-x\n\nb\tQ-x\n", "data_unreadable", r"a\.conll: line 3: 'Q-x' is no tag"),
    ],
)
def test_bad_files_are_refused(cache: Path, tmp_path: Path, text: str, code: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as refused:
        made(job("bert"), conll(tmp_path, text), cache)
    assert refused.value.code == code


def test_labels_are_read_as_the_task_says() -> None:
    with pytest.raises(
        SpecError, match="'one' is not how token_classification reads labels: it reads them as 'tags'"
    ):
        validate(job("bert", data={"text": {"labels": "one"}}))


def test_equal_sentences_with_other_tags_are_reported(
    pretrain: Any, tagged_sentences: Path, tmp_path: Path
) -> None:
    text = tagged_sentences.read_text()
    first, _, _ = text.partition("\n\n")
    words = [line.split("\t")[0] for line in first.split("\n")]
    data = conll(tmp_path, text + "\n" + "\n".join(f"{word}\tB-other" for word in words) + "\n")
    engine = pretrain(job("bert", training={"steps": 4}), tmp_path / "out", data=data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    (warning,) = [event for event in engine.of("warning") if event["code"] == "labels_conflict"]
    line = text.count("\n") + 2
    assert warning["params"] == {"conflicts": 1, "first": f"a.conll, line {line:,}"}
