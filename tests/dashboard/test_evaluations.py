"""A checkpoint is evaluated and compared from the dashboard; a classifier's reports are drawn, in light and dark."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from core.evaluation.reports import classification_documents, picture, sound
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


@pytest.mark.parametrize(("width", "classes"), [(1440, 8), (375, 100)])
def test_an_evaluation_and_reports(
    scenario: Scenario, service: Running, submit: Callable[..., str], width: int, classes: int
) -> None:
    job = submit(f"evaluated at {width}", task={"kind": "causal_lm"}, steps=12, checkpoint_every=6)
    with service.client() as client:
        eventually(lambda: client.get(f"/v1/jobs/{job}").json()["state"] == "succeeded", "the job's end")
        checkpoints = client.get(f"/v1/jobs/{job}/checkpoints").json()["data"]
    assert len(checkpoints) > 1, "one to evaluate and one to compare it with"
    for document in _documents(classes):
        show(service, job, 12, str(document["kind"]), "application/json", json.dumps(document).encode())
    theme = "dark" if width == 375 else "light"
    found = scenario("evaluations", width=width, job=job, against=checkpoints[-1]["id"], theme=theme)
    assert "Perplexity" in found["language"]
