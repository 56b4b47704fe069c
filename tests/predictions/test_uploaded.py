"""A classifier that `transformers` saved is uploaded over HTTP, asked, and evaluated by a worker."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from tests.core.published_models import CLASSES, WORDS, saved
from tests.predictions.conftest import Service
from tests.worker.conftest import eventually

pytestmark = pytest.mark.usefixtures("worker")


def test_an_uploaded_classifier_is_asked_and_evaluated(service: Service, tmp_path: Path) -> None:
    client = service.client
    network = saved("bert texts", tmp_path)
    tokenize = AutoTokenizer.from_pretrained(tmp_path)
    checkpoint = client.post("/v1/checkpoints", json={"name": "of somebody"}).raise_for_status().json()["id"]
    for path in tmp_path.iterdir():
        client.put(
            f"/v1/checkpoints/{checkpoint}/files/{path.name}", content=path.read_bytes()
        ).raise_for_status()
    found = client.post(f"/v1/checkpoints/{checkpoint}/complete").raise_for_status().json()
    assert found["spec"]["task"]["kind"] == "text_classification"

    @torch.no_grad()
    def shares(text: str) -> dict[str, float]:
        ids = torch.tensor([tokenize(f"[CLS] {text} [SEP]")["input_ids"]])
        return dict(zip(CLASSES, network(input_ids=ids).logits[0].softmax(0).tolist(), strict=True))

    text = "the cat sat on the mat"
    answer = service.predict(checkpoint, text=text, options={"top_k": 3})
    assert answer.status_code == 200, answer.text
    result = answer.json()["result"]
    assert {one["name"]: one["probability"] for one in result["classes"]} == pytest.approx(
        shares(text), abs=1e-5
    )
    refused = service.predict(checkpoint, kind="fill_mask", text="the [MASK]")
    assert (refused.status_code, refused.json()["code"]) == (422, "prediction_unsupported")

    dice = np.random.default_rng(0)
    lines = [
        {"text": " ".join(dice.choice(WORDS, 8)) + f" {number}", "label": CLASSES[number % 3]}
        for number in range(120)
    ]
    dataset = client.post("/v1/datasets", json={"name": "texts"}).raise_for_status().json()["id"]
    content = "".join(json.dumps(line) + "\n" for line in lines).encode()
    client.put(f"/v1/datasets/{dataset}/files/texts.jsonl", content=content).raise_for_status()
    client.post(f"/v1/datasets/{dataset}/complete").raise_for_status()
    asked = {"checkpoint": checkpoint, "dataset": dataset, "split": "all"}
    evaluation = client.post("/v1/evaluations", json=asked).raise_for_status().json()["id"]

    def ended() -> dict[str, Any] | None:
        out: dict[str, Any] = client.get(f"/v1/evaluations/{evaluation}").raise_for_status().json()
        return out if out["state"] in {"succeeded", "failed"} else None

    out = eventually(ended, "the evaluation")
    assert out["state"] == "succeeded", out["failure"]
    measures = {
        measure["name"]: measure["value"]
        for section in out["result"]["sections"]
        if section["name"] == "task"
        for measure in section["measures"]
    }
    right = [max(found := shares(line["text"]), key=found.__getitem__) == line["label"] for line in lines]
    assert measures["accuracy"] == pytest.approx(np.mean(right), abs=1e-9)
