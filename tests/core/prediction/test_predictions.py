"""Every task's checkpoint opens without its data, and answers the kinds of prediction that its spec lists."""

import base64
import copy
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from core.checkpoints.bundle import write_trainer
from core.data import data_files, prepare_for
from core.objectives.base import Objective
from core.objectives.predictions import Answering, Asked
from core.prediction.features import Index, embed, neighbours
from core.prediction.inputs import decoded_row
from core.prediction.opening import Opened, open_checkpoint
from core.spec.job import JobSpec
from core.spec.predictions import NeighbourOptions
from core.spec.problems import validate
from core.spec.tasks import tasks_by_kind
from core.tasks.objectives import create_objective
from core.tasks.token_classification.prediction import entities
from tests.core.training.reference.jobs import CASES

Made = tuple[Objective, Opened, Path]


def made(name: str, request: pytest.FixtureRequest, cache: Path, directory: Path) -> Made:
    """The objective of a case, the checkpoint that it exports, opened again, and the file of its data."""
    case = CASES[name]
    job: JobSpec = validate(copy.deepcopy(case.document))
    path: Path = request.getfixturevalue(case.data)
    objective = create_objective(job, prepare_for(job, data_files([path], job.task.modality), cache)).eval()
    checkpoint, described = directory / "checkpoint", directory / "described"
    checkpoint.mkdir()
    described.mkdir()
    objective.export(checkpoint, objective.state_dict())
    write_trainer(checkpoint, {"moment": torch.zeros(1)}, {"spec": job.model_dump(mode="json")})
    return objective, open_checkpoint(checkpoint, described), path


def answer(answering: Answering) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """The parts and the result of a prediction, as JSON brings them."""
    parts = []
    with torch.inference_mode():
        while True:
            try:
                values = next(answering)
            except StopIteration as end:
                result: dict[str, Any] = json.loads(json.dumps(end.value))
                return parts, result
            if values:
                parts.append(dict(values))


@pytest.fixture
def picture() -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def sound() -> bytes:
    out = io.BytesIO()
    soundfile.write(out, 0.3 * np.sin(np.arange(4000) / 9), 8000, format="WAV")
    return out.getvalue()


@pytest.fixture
def input_of(picture: bytes, sound: bytes) -> Iterator[Any]:
    def make(opened: Opened, kind: str, text: str = "The statement", **options: Any) -> Asked:
        prediction = opened.prediction(kind)
        content = {"image": picture, "audio": sound}.get(prediction.input)
        rows = decoded_row(opened.job, content) if content else None
        return Asked(prediction.options.model_validate(options), text, rows)

    return make


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_checkpoint_opens_without_its_data_and_gives_the_same_features(
    name: str, request: pytest.FixtureRequest, cache: Path, tmp_path: Path, input_of: Any
) -> None:
    objective, opened, _ = made(name, request, cache, tmp_path)
    kinds = [prediction.kind for prediction in type(opened.job.task).all_predictions()]
    assert kinds
    own, theirs = objective.state_dict(), opened.objective.state_dict()
    assert all(torch.equal(own[key], tensor) for key, tensor in theirs.items())
    if "embed" not in kinds:
        return
    asked = input_of(opened, "embed")
    _, result = answer(embed(opened, asked))
    assert result["kind"] == "vector"
    assert result["width"] == len(result["vector"])
    if asked.rows is not None:
        expected = objective.encode(asked.rows)
        assert expected is not None
        np.testing.assert_array_equal(result["vector"], expected[0].detach().numpy().astype(float))


@pytest.mark.parametrize("name", sorted(CASES))
def test_every_kind_of_the_spec_is_computed(
    name: str, request: pytest.FixtureRequest, cache: Path, tmp_path: Path, input_of: Any
) -> None:
    objective, opened, _ = made(name, request, cache, tmp_path)
    predictors = opened.objective.predictors
    kinds = {prediction.kind for prediction in type(opened.job.task).all_predictions()}
    assert kinds - predictors.keys() <= {"embed", "neighbours"}
    for prediction in type(opened.job.task).all_predictions():
        if prediction.kind not in predictors:
            continue
        asked = input_of(opened, prediction.kind, "The [MASK] word")
        _, result = answer(predictors[prediction.kind](asked))
        assert result["kind"]
        if result["kind"] == "classes":
            total = sum(one["probability"] for one in result["classes"])
            assert getattr(opened.job.task, "target", "one") == "several" or total == pytest.approx(1)
            assert {one["name"] for one in result["classes"]} == set(objective.classes)  # type: ignore[attr-defined]
        for image in result.get("images", ()):
            assert Image.open(io.BytesIO(base64.b64decode(image["png"]))).size[0] >= 8
        again = answer(predictors[prediction.kind](asked))[1]
        assert again == result, "equal requests give equal results"


def test_requests_that_take_turns_find_the_neighbours_that_one_alone_finds(
    request: pytest.FixtureRequest, cache: Path, tmp_path: Path
) -> None:
    _, opened, path = made("masked_lm", request, cache, tmp_path)
    files, asked = data_files([path]), Asked(NeighbourOptions(samples=100), text="a word")

    def ask(index: Index) -> Answering:
        return neighbours(opened, files, index, asked)

    with torch.inference_mode():
        _, alone = answer(ask(Index()))
        shared = Index()
        both = [ask(shared), ask(shared)]
        assert [next(one) for one in both] == [next(ask(Index()))] * 2
        found = [answer(one)[1] for one in both]
        assert answer(ask(shared)) == ([], alone)
    assert found == [alone, alone]
    assert alone["searched"] == 100


def test_the_cases_are_of_every_task() -> None:
    assert {CASES[name].document["task"]["kind"] for name in CASES} == set(tasks_by_kind())


def test_entities_are_those_of_iob2() -> None:
    text = "Anna Maria Berg  lives in New York City"
    tags = ["B-PER", "I-PER", "B-PER", "O", "O", "I-LOC", "I-LOC", "I-PER"]
    words = [
        {"begin": found.start(), "end": found.end(), "tag": tag, "probability": 1 - number / 10}
        for number, (found, tag) in enumerate(zip(re.finditer(r"\S+", text), tags, strict=True))
    ]
    assert [(one["type"], one["text"]) for one in entities(text, words)] == [
        ("PER", "Anna Maria"),
        ("PER", "Berg"),
        ("LOC", "New York"),
        ("PER", "City"),
    ]
    assert entities(text, words)[0]["probability"] == pytest.approx(0.9)
