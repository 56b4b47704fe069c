"""``seedbed predict`` and the SDK against a real service."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import seedbed

from tests.predictions.conftest import Service

pytestmark = pytest.mark.usefixtures("worker")


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
