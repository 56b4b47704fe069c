"""The process that keeps models loaded, over its socket: turns, cancellation, memory, and inputs that are rubbish."""

import base64
import copy
import io
import json
import random
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import load_file, save_file

from core.checkpoints.bundle import write_trainer
from core.data import data_files, prepare_for
from core.prediction.serving import Server
from core.spec.job import JobSpec
from core.spec.problems import validate
from core.tasks.objectives import create_objective
from tests.core.published_models import saved
from tests.core.published_networks import saved_network
from tests.core.training.reference.jobs import CASES

MEMORY = 64 << 20


@dataclass
class Client:
    """The other end of the socket."""

    connection: socket.socket
    stream: Any

    def send(self, message: dict[str, Any] | bytes) -> None:
        line = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.connection.sendall(line + b"\n")

    def messages(self) -> Iterator[dict[str, Any]]:
        for line in self.stream:
            yield json.loads(line)

    def ask(self, request_id: str, directory: Path, kind: str, **given: Any) -> dict[str, Any]:
        """The last message of a request."""
        self.send(
            {
                "id": request_id,
                "checkpoint": directory.name,
                "directory": str(directory),
                "kind": kind,
                **given,
            }
        )
        return self.last(request_id)

    def messages_until(self, count: int) -> Iterator[dict[str, Any]]:
        """Messages up to the last one of so many requests."""
        for message in self.messages():
            yield message
            count -= message.get("event") in {"result", "failed"}
            if count == 0:
                return

    def last(self, request_id: str) -> dict[str, Any]:
        for message in self.messages():
            if message.get("id") == request_id and message["event"] in {"result", "failed", "cancelled"}:
                return message
        raise AssertionError("the process has closed the socket")


@pytest.fixture
def client() -> Iterator[Client]:
    yield from serving(MEMORY)


def serving(memory: int) -> Iterator[Client]:
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    thread = threading.Thread(target=Server(theirs, memory).run)
    thread.start()
    stream = ours.makefile("rb")
    yield Client(ours, stream)
    ours.shutdown(socket.SHUT_RDWR)
    thread.join()
    stream.close()
    ours.close()
    theirs.close()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def model(request: pytest.FixtureRequest, cache: Path, models: Path) -> Any:
    """Makes the directory of a model as the worker stages it, of one of `CASES`."""

    def make(name: str) -> Path:
        directory = models / name
        checkpoint = directory / "checkpoint"
        if not checkpoint.exists():
            case = CASES[name]
            job: JobSpec = validate(copy.deepcopy(case.document))
            path: Path = request.getfixturevalue(case.data)
            objective = create_objective(job, prepare_for(job, data_files([path], job.task.modality), cache))
            checkpoint.mkdir(parents=True)
            objective.export(checkpoint, objective.state_dict())
            write_trainer(checkpoint, {}, {"spec": job.model_dump(mode="json")})
        return directory

    return make


def named(kind: str) -> str:
    """The first case of a task."""
    return next(name for name, case in CASES.items() if case.document["task"]["kind"] == kind)


def test_requests_for_a_model_that_is_not_loaded_load_it_once(client: Client, model: Any) -> None:
    directory = model(named("masked_lm"))
    request = {
        "checkpoint": directory.name,
        "directory": str(directory),
        "kind": "fill_mask",
        "text": "[MASK]",
    }
    lines = [json.dumps(request | {"id": str(number)}) for number in range(4)]
    client.send("\n".join(lines).encode())
    found = list(client.messages_until(4))
    assert [message["loaded"] for message in found if "loaded" in message] == [[directory.name]]
    results = [message["values"] for message in found if message.get("event") == "result"]
    assert results == [results[0]] * 4


def test_a_long_request_does_not_hold_up_a_short_one(client: Client, model: Any) -> None:
    long, short = model(named("causal_lm")), model(named("masked_lm"))
    client.ask("load", short, "fill_mask", text="a [MASK]")
    client.ask("load too", long, "continue", text="a", options={"max_tokens": 1})
    client.send(
        {"id": "long", "checkpoint": long.name, "directory": str(long), "kind": "continue", "text": "a"}
        | {"options": {"max_tokens": 1000, "temperature": 5, "top_k": 0}}
    )
    client.send(
        {
            "id": "short",
            "checkpoint": short.name,
            "directory": str(short),
            "kind": "fill_mask",
            "text": "[MASK]",
        }
    )
    over = [
        message["id"] for message in client.messages_until(2) if message.get("event") in {"result", "failed"}
    ]
    assert over == ["short", "long"]


def test_a_cancelled_request_ends_between_two_turns(client: Client, model: Any) -> None:
    directory = model(named("causal_lm"))
    client.ask("load", directory, "continue", text="a", options={"max_tokens": 1})
    client.send(
        {
            "id": "one",
            "checkpoint": directory.name,
            "directory": str(directory),
            "kind": "continue",
            "text": "a",
        }
    )
    client.send({"cancel": "one"})
    assert client.last("one")["event"] in {"cancelled", "result"}
    assert client.ask("two", directory, "continue", text="a")["event"] == "result"


def test_the_least_recently_used_model_is_dropped(model: Any) -> None:
    first, second = model(named("masked_lm")), model(named("causal_lm"))
    size = max(sum(file.stat().st_size for file in one.rglob("*.safetensors")) for one in (first, second))
    for client in serving(size + 1000):
        client.ask("one", first, "fill_mask", text="[MASK]")
        client.send(
            {
                "id": "two",
                "checkpoint": second.name,
                "directory": str(second),
                "kind": "continue",
                "text": "a",
            }
        )
        loaded = [message["loaded"] for message in client.messages_until(1) if "loaded" in message]
        assert loaded == [[], [second.name]]
        assert client.ask("three", second, "continue", text="a")["event"] == "result"
    for client in serving(1000):
        failed = client.ask("one", first, "fill_mask", text="[MASK]")
        assert failed["code"] == "model_too_large"
        assert failed["params"]["limit"] == 1000


def test_a_damaged_checkpoint_is_told_and_others_answer(client: Client, model: Any, tmp_path: Path) -> None:
    whole = model(named("masked_lm"))
    damaged = tmp_path / "damaged"
    shutil.copytree(whole, damaged)
    (damaged / "checkpoint" / "model.safetensors").write_bytes(b"\0" * 1000)
    assert client.ask("one", damaged, "fill_mask", text="[MASK]")["code"] == "checkpoint_mismatch"
    (damaged / "checkpoint" / "trainer" / "state.json").unlink()
    assert client.ask("two", damaged, "fill_mask", text="[MASK]")["code"] == "checkpoint_damaged"
    assert client.ask("three", whole, "fill_mask", text="[MASK]")["event"] == "result"


def test_an_uploaded_model_whose_tokenizer_or_classes_cannot_be_used_is_told_with_the_reason(
    client: Client, tmp_path: Path
) -> None:
    bert, vit = tmp_path / "bert", tmp_path / "vit"
    saved("bert", bert / "checkpoint")
    path = bert / "checkpoint" / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"sep_token": 3}))
    failed = client.ask("one", bert, "fill_mask", text="[MASK]")
    assert (failed["code"], failed["params"]) == (
        "tokenizer_invalid",
        {"case": "no_token", "name": "sep_token"},
    )
    assert not failed["input"]
    saved_network("vit", vit / "checkpoint")
    path = vit / "checkpoint" / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"id2label": {"0": "ant"}}))
    path = vit / "checkpoint" / "model.safetensors"
    weights = load_file(path)
    head = {name: tensor[:1].contiguous() for name, tensor in weights.items() if "classifier" in name}
    save_file(weights | head, path, metadata={"format": "pt"})
    failed = client.ask("two", vit, "classify", content=base64.b64encode(png(40, 40)).decode())
    assert failed["code"] == "too_few_classes", failed


def png(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("1", (width, height)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"rubbish", "bad_image"),
        (b"", "bad_image"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 40, "bad_image"),
        (png(20_000, 20_000), "image_too_large"),
        (png(3, 3), "image_too_small"),
    ],
)
def test_an_image_that_cannot_be_used_is_the_requests_fault(
    client: Client, model: Any, content: bytes, code: str
) -> None:
    directory = model(named("masked_autoencoder"))
    failed = client.ask("one", directory, "reconstruct", content=base64.b64encode(content).decode())
    assert (failed["event"], failed["code"], failed["input"]) == ("failed", code, True)


def test_mutated_inputs_never_end_the_process(client: Client, model: Any) -> None:
    dice = random.Random(0)
    image, audio = model(named("masked_autoencoder")), model(named("masked_spectrogram"))
    text = model(named("text_denoising_autoencoder"))
    out = io.BytesIO()
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(out, "JPEG")
    whole = out.getvalue()
    for number in range(60):
        mutated = bytearray(whole)
        for _ in range(dice.randint(1, 30)):
            mutated[dice.randrange(len(mutated))] = dice.randrange(256)
        content = base64.b64encode(mutated[: dice.randint(1, len(mutated))]).decode()
        for directory in (image, audio):
            answer = client.ask(f"{number}", directory, "reconstruct", content=content)
            assert answer["event"] == "result" or answer["input"], answer
        characters = "".join(
            chr(dice.choice([0x41, 0x20, 0x300, 0x1F600, 0x202E, 0xFFFD])) for _ in range(20)
        )
        given = characters + dice.choice(["[MASK]", "<extra_id_0>", "<extra_id_1> <extra_id_0>", "", "[PAD]"])
        answer = client.ask(f"t{number}", text, "infill", text=given, options={"max_tokens": 3})
        assert answer["event"] == "result" or answer["input"], answer
    assert client.ask("last", image, "embed", content=base64.b64encode(whole).decode())["event"] == "result"


@pytest.mark.parametrize(
    "given",
    [
        {"kind": "nonsense"},
        {"kind": "fill_mask", "text": None},
        {"kind": "fill_mask", "options": {"top_k": "many"}},
        {"kind": "neighbours", "text": "a", "files": []},
    ],
)
def test_what_the_service_never_sends_does_not_end_the_process(
    client: Client, model: Any, given: dict[str, Any]
) -> None:
    directory = model(named("masked_lm"))
    kind = given.pop("kind")
    assert client.ask("one", directory, kind, **given)["event"] == "failed"
    assert client.ask("two", directory, "fill_mask", text="[MASK]")["event"] == "result"
