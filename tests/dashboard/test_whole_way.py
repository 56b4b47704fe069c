"""From unlabelled text to a model that answers, in the dashboard alone: pretrain, fine-tune, read the reports, try, download."""

import random
import zipfile
from pathlib import Path

import pytest
from transformers import pipeline

from tests.dashboard.conftest import Running, Scenario

pytestmark = pytest.mark.browser

TOPICS = {
    "card": "card chip pin contactless wallet blocked lost stolen terminal payment",
    "transfer": "transfer account recipient bank pending arrived sent money reference delay",
    "currency": "exchange currency rate euro dollar abroad conversion holiday cash fee",
}
QUESTION = "my card was stolen and the chip is blocked"


def _questions(path: Path) -> Path:
    dice = random.Random(7)
    rows = [
        (" ".join(["please help with", *dice.choices(words.split(), k=6)]), topic)
        for topic, words in TOPICS.items()
        for _ in range(80)
    ]
    dice.shuffle(rows)
    path.write_text("text,label\n" + "".join(f"{text},{topic}\n" for text, topic in rows))
    return path


def test_from_text_to_a_model_that_answers(scenario: Scenario, service: Running, tmp_path: Path) -> None:
    with service.client() as client:
        made = client.post("/v1/datasets", json={"name": "questions of customers"}).raise_for_status()
        path = f"/v1/datasets/{made.json()['id']}"
        content = _questions(tmp_path / "questions.csv").read_bytes()
        client.put(f"{path}/files/questions.csv", content=content).raise_for_status()
        dataset = client.post(f"{path}/complete").raise_for_status().json()["id"]

    found = scenario("whole_way", dataset=dataset, question=QUESTION, classes=sorted(TOPICS))

    assert found["best"] == "card"
    with zipfile.ZipFile(found["zip"]) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "model")
    [folder] = {config.parent for config in (tmp_path / "model").glob("*/config.json")}
    [answer] = pipeline("text-classification", str(folder))(QUESTION)
    assert answer["label"] == found["best"]
    assert answer["score"] == pytest.approx(found["share"], abs=0.01)
