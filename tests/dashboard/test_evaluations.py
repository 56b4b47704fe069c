"""A checkpoint is evaluated and compared from the dashboard; a classifier's reports are drawn, in light and dark."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from core.evaluation.label_reports import label_documents
from core.evaluation.number_reports import number_documents
from core.evaluation.reports import classification_documents, picture, sound
from core.evaluation.tag_reports import TaggedSentence, tag_documents
from core.evaluation.transcript_reports import transcript_documents
from tests.dashboard.conftest import Running, Scenario
from tests.dashboard.test_short_jobs import show
from tests.worker.conftest import eventually

pytestmark = pytest.mark.browser


def _documents(classes: int) -> list[dict[str, object]]:
    dice = np.random.default_rng(1)
    labels = dice.integers(0, classes, 60 * classes)
    logits = dice.normal(size=(len(labels), classes))
    logits[np.arange(len(labels)), labels] += 3
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = [f"class number {number}" for number in range(classes)]
    wave = (8000 * np.sin(np.arange(8000) / 5)).astype(np.int16)
    kinds = [
        picture(dice.integers(0, 255, (16, 16, 3), dtype=np.uint8)),
        sound(wave, 8000),
        {"text": "A sentence that was taken for something else. " * 4},
    ]
    return classification_documents(
        probabilities, labels, names, lambda places: [kinds[place % 3] for place in range(len(places))]
    )


def _further() -> list[dict[str, object]]:
    """The documents of tasks with several labels, numbers, tags and transcripts, beside those of classes."""
    dice = np.random.default_rng(2)
    labels, numbers = dice.random((40, 3)) < 0.4, dice.random(40)

    def shown(places: NDArray[np.int64]) -> list[dict[str, str]]:
        return [{"text": f"Text number {place}"} for place in places]

    tags = TaggedSentence(
        ["B-person", "I-person", "O", "O", "B-place"], ["B-person", "I-person", "O", "O", "O"]
    )
    heard = sound((8000 * np.sin(np.arange(8000) / 5)).astype(np.int16), 8000)
    words = ["Ada", "Lovelace", "went", "to", "London"]
    return [
        label_documents(dice.random((40, 3)), labels, ["sports", "politics", "weather"], shown)[-1],
        *number_documents(numbers + dice.normal(0, 0.1, 40), numbers, shown),
        *tag_documents([tags], lambda _: [{"words": words}]),
        *transcript_documents(["the hat sat down"], ["the cat sat"], np.array([2]), lambda _: [heard]),
    ]


@pytest.mark.parametrize(("width", "classes"), [(1440, 8), (375, 100)])
def test_an_evaluation_and_reports(
    scenario: Scenario, service: Running, submit: Callable[..., str], width: int, classes: int
) -> None:
    job = submit(f"evaluated at {width}", task={"kind": "causal_lm"}, steps=12, checkpoint_every=6)
    with service.client() as client:
        eventually(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "succeeded", "the job's end")
        checkpoints = client.get(f"/v1/jobs/{job}/checkpoints").json()["data"]
    assert len(checkpoints) > 1, "one to evaluate and one to compare it with"
    further = _further() if width == 1440 else []
    for document in [*_documents(classes), *further]:
        show(service, job, 12, str(document["kind"]), "application/json", json.dumps(document).encode())
    theme = "dark" if width == 375 else "light"
    found = scenario(
        "evaluations", width=width, job=job, against=checkpoints[-1]["id"], theme=theme, further=bool(further)
    )
    assert "Perplexity" in found["language"]
