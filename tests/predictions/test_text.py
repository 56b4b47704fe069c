"""Predictions of text models, from HTTP, the SDK and ``seedbed predict`` to the engine and back."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import seedbed

from tests.predictions.conftest import Service

pytestmark = pytest.mark.usefixtures("worker")


def test_a_mask_is_filled(service: Service) -> None:
    checkpoint = service.checkpoint("masked_lm")
    answer = service.predict(checkpoint, text="The [MASK] statement [MASK].", options={"top_k": 3})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (found["object"], found["kind"], found["checkpoint"]) == ("prediction", "fill_mask", checkpoint)
    result = found["result"]
    assert result["kind"] == "masks"
    assert len(result["masks"]) == 2
    for mask in result["masks"]:
        shares = [candidate["probability"] for candidate in mask["candidates"]]
        assert len(shares) == 3
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1
    assert "[MASK]" not in result["text"]


def test_the_model_stays_loaded(service: Service) -> None:
    checkpoint = service.checkpoint("masked_lm")
    service.predict(checkpoint, text="a [MASK]")
    assert service.predict(checkpoint, text="a [MASK]").json()["cold"] is False


def test_a_text_is_continued_as_it_is_drawn(service: Service) -> None:
    checkpoint = service.checkpoint("causal_lm")
    asked = {"text": "The statement", "options": {"max_tokens": 20, "seed": 3}}
    events = service.stream(checkpoint, **asked)
    assert events[-1][0] == "result"
    result = events[-1][1]["result"]
    parts = [data["text"] for event, data in events if event == "part"]
    assert len(parts) == result["tokens"] > 1
    assert result["text"].startswith("".join(parts))
    assert service.predict(checkpoint, **asked).json()["result"] == result
    other = service.predict(checkpoint, text="The statement", options={"max_tokens": 20, "seed": 4})
    assert other.json()["result"]["text"] != result["text"]


def test_gaps_are_filled(service: Service) -> None:
    checkpoint = service.checkpoint("text_denoising_autoencoder")
    result = service.predict(
        checkpoint, text="The [MASK] returns [MASK].", options={"max_tokens": 30}
    ).json()["result"]
    assert result["kind"] == "gaps"
    assert len(result["gaps"]) == 2


def test_features_and_neighbours(service: Service) -> None:
    checkpoint = service.checkpoint("masked_lm")
    vector = service.predict(checkpoint, kind="embed", text="A statement.").json()["result"]
    assert len(vector["vector"]) == vector["width"] == 32
    asked = {"kind": "neighbours", "text": "A statement.", "options": {"count": 4, "samples": 30}}
    result = service.predict(checkpoint, **asked).json()["result"]
    assert result["searched"] == 30
    similar = [neighbour["similarity"] for neighbour in result["neighbours"]]
    assert len(similar) == 4
    assert similar == sorted(similar, reverse=True)
    exact = {**asked, "text": result["neighbours"][3]["text"]}
    first = service.predict(checkpoint, **exact).json()["result"]["neighbours"][0]
    assert first["similarity"] >= similar[0]


@pytest.mark.parametrize(
    ("asked", "code", "param"),
    [
        ({"text": "no mask"}, "mask_missing", None),
        ({"text": "[MASK]" * 21}, "too_many_masks", None),
        ({"text": "word " * 3000 + "[MASK]"}, "input_too_long", None),
        ({"kind": "continue", "text": "a"}, "prediction_unsupported", "kind"),
        ({}, "validation_failed", "text"),
        ({"text": "[MASK]", "content": "aGk="}, "validation_failed", "content"),
        ({"text": "[MASK]", "options": {"top_k": 0}}, "validation_failed", "options.top_k"),
        ({"text": "[MASK]", "options": {"topk": 1}}, "validation_failed", "options.topk"),
        ({"text": "x" * 20_001}, "validation_failed", "text"),
        ({"kind": "embed", "text": ""}, None, None),
    ],
)
def test_what_cannot_be_answered_is_refused(
    service: Service, asked: dict[str, object], code: str | None, param: str | None
) -> None:
    answer = service.predict(service.checkpoint("masked_lm"), **asked)
    if code is None:
        assert answer.status_code == 200
        return
    assert answer.status_code == 422, answer.text
    assert answer.json()["code"] == code
    assert answer.json()["param"] == param


def test_what_a_task_can_be_asked_for_is_served(service: Service) -> None:
    task = service.client.get("/v1/tasks/causal_lm").json()
    first = task["predictions"][0]
    assert (first["kind"], first["input"], first["streams"]) == ("continue", "text", True)
    assert first["options_schema"]["properties"]["temperature"]["maximum"] == 5


@pytest.fixture
def client(service: Service) -> Iterator[seedbed.Client]:
    with seedbed.Client(service.url, key=service.key(service.bench.project)) as client:
        yield client


def command(service: Service, *arguments: str, directory: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "SEEDBED_URL": service.url,
        "SEEDBED_KEY": service.key(service.bench.project),
        "PATH": "/usr/bin:/bin",
        "HOME": str(directory),
    }
    call = [
        sys.executable,
        "-c",
        "import sys; from seedbed.cli import main; sys.exit(main())",
        "predict",
        *arguments,
    ]
    return subprocess.run(call, capture_output=True, text=True, env=environment, cwd=directory, check=False)


def test_the_sdk_streams_and_waits(service: Service, client: seedbed.Client) -> None:
    checkpoint = service.checkpoint("causal_lm")
    events = list(client.checkpoints.predict_stream(checkpoint, text="The", max_tokens=12, seed=1))
    whole = events[-1]
    assert isinstance(whole, seedbed.Prediction)
    parts = [event.text for event in events if isinstance(event, seedbed.PredictionPart)]
    assert len(parts) == whole.result["tokens"]
    waited = client.checkpoints.predict(checkpoint, text="The", max_tokens=12, seed=1)
    assert waited.result == whole.result
    with pytest.raises(seedbed.Invalid, match="temperature"):
        client.checkpoints.predict(checkpoint, text="The", temperature=-1)


def test_the_command_prints_as_it_comes(service: Service, tmp_path: Path) -> None:
    checkpoint = service.checkpoint("causal_lm")
    arguments = (checkpoint, "--text", "The", "-o", "max_tokens=12", "-o", "seed=1")
    shown = command(service, *arguments, directory=tmp_path)
    assert shown.returncode == 0, shown.stderr
    document = json.loads(command(service, *arguments, "--json", directory=tmp_path).stdout)
    assert shown.stdout == document["result"]["text"] + "\n"


def test_the_command_prints_the_other_kinds(service: Service, tmp_path: Path) -> None:
    checkpoint = service.checkpoint("masked_lm")
    filled = command(service, checkpoint, "--text", "a [MASK]", "-o", "top_k=2", directory=tmp_path)
    assert len(filled.stdout.splitlines()) == 2
    assert "%" in filled.stdout
    vector = command(service, checkpoint, "--kind", "embed", "--text", "a", directory=tmp_path)
    assert vector.stdout.startswith("[")
    refused = command(service, checkpoint, "--text", "no mask", directory=tmp_path)
    assert refused.returncode == 3
    assert "[MASK]" in refused.stderr
