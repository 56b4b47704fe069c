"""Adaptations of text networks in whole runs: resuming to the bit, counts, and what opens a checkpoint with adapters."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import pipeline

from core.checkpoints.writer import copy_to_host
from core.spec.estimate import estimate
from tests.core.tasks.test_image_classification import taught
from tests.core.tasks.test_text_classification import FAMILIES, made
from tests.core.tasks.test_text_classification import job as text_classification
from tests.core.tasks.test_token_classification import job as token_classification
from tests.core.training.adaptations import LOGGED, METHODS
from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points


def _text(family: str, method: str, **changes: Any) -> dict[str, Any]:
    model = {"preset": None, "layers": 2, "hidden_size": 16, "heads": 2, "dropout": 0.1}
    spec = text_classification(family, **changes)
    spec["training"]["steps"] = 12
    spec["model"] = {name: value for name, value in (spec["model"] | model).items() if value is not None}
    return spec | {"name": f"{family} {method}", "adaptation": METHODS[method]}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_of_text_are_counted_without_the_network(
    family: str, method: str, labelled_sentences: Path, cache: Path
) -> None:
    spec, objective = made(_text(family, method), labelled_sentences, cache)
    told = estimate(spec, classes=len(objective.data.classes), vocabulary_size=objective.data.vocabulary_size)
    assert told.parameters == objective.parameter_count
    assert told.trainable_parameters == objective.trainable_parameter_count


@pytest.mark.parametrize(
    ("family", "method"),
    [
        *(("bert", method) for method in METHODS),
        ("modernbert", "ia3"),
        ("gpt2", "lora"),
        ("llama", "gradual"),
        ("t5", "adapters"),
    ],
)
def test_text_killed_at_three_random_steps_ends_in_the_straight_runs_bits(
    family: str, method: str, pretrain: Any, labelled_sentences: Path, tmp_path: Path
) -> None:
    spec = _text(family, method, training=LOGGED)
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    engine = pretrain(spec, straight, data=labelled_sentences)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    killed_at_three_random_steps(pretrain, spec, broken, data=labelled_sentences)
    assert hashes(broken, 12) == hashes(straight, 12)
    assert points(broken) == points(straight)


@pytest.mark.parametrize("method", METHODS)
def test_tags_killed_at_three_random_steps_end_in_the_straight_runs_bits(
    method: str, pretrain: Any, tagged_sentences: Path, tmp_path: Path
) -> None:
    spec = token_classification(
        "bert", training=LOGGED | {"steps": 12}, model={"dropout": 0.1}, task={"head_dropout": 0.2}
    ) | {"adaptation": METHODS[method]}
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    engine = pretrain(spec, straight, data=tagged_sentences)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    killed_at_three_random_steps(pretrain, spec, broken, data=tagged_sentences)
    assert hashes(broken, 12) == hashes(straight, 12)
    assert points(broken) == points(straight)


@pytest.mark.usefixtures("own_modules")
@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_checkpoint_with_adapters_answers_in_a_pipeline(
    family: str, labelled_sentences: Path, cache: Path, tmp_path: Path
) -> None:
    _, objective = made(_text(family, "adapters"), labelled_sentences, cache)
    taught(objective)
    folder = tmp_path / "folder"
    folder.mkdir()
    objective.export(folder, copy_to_host(objective.state_dict()))
    classify = pipeline("text-classification", str(folder), trust_remote_code=True, top_k=None)
    assert type(classify.model).__name__.endswith("ForSequenceClassificationWithAdapters")
    assert classify.model.state_dict().keys() == objective.model.state_dict().keys()
    for name, tensor in classify.model.state_dict().items():
        assert torch.equal(tensor, objective.model.state_dict()[name]), name
    (answers,) = classify(["some words"])
    assert {one["label"] for one in answers} == set(objective.data.classes)
