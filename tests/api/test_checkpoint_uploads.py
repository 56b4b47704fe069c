"""Checkpoints are uploaded file by file, checked as a whole, and are then checkpoints like others."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from safetensors.numpy import load_file, save_file
from sqlalchemy import Engine

from control.checkpoints import uploads
from control.db import write
from control.lifecycle.models import Job
from control.maintenance import orphans
from control.settings import Settings
from control.storage import open_storage
from tests.api.conftest import problem as named_problem
from tests.core.published_models import saved


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models") / "bert"
    saved("bert", directory)
    return directory


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("models") / "sharded"
    saved("bert", directory, shards=True)
    return directory


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document, whichever field it names."""
    return named_problem(answer, status, code, answer.json().get("param"))


def begun(client: httpx.Client) -> str:
    answer = client.post("/v1/checkpoints", json={"name": "my bert"})
    assert answer.status_code == 201
    assert answer.json()["object"] == "checkpoint_upload"
    found: str = answer.json()["id"]
    return found


def put(client: httpx.Client, checkpoint: str, name: str, content: bytes) -> httpx.Response:
    return client.put(f"/v1/checkpoints/{checkpoint}/files/{name}", content=content)


def filled(client: httpx.Client, files: dict[str, bytes]) -> str:
    checkpoint = begun(client)
    for name, content in files.items():
        assert put(client, checkpoint, name, content).status_code == 201, name
    return checkpoint


def complete(client: httpx.Client, checkpoint: str) -> httpx.Response:
    return client.post(f"/v1/checkpoints/{checkpoint}/complete")


def files_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def test_a_model_becomes_a_checkpoint_like_others(client: httpx.Client, sharded: Path) -> None:
    files = files_of(sharded)
    assert sum(name.endswith(".safetensors") for name in files) > 1
    checkpoint = filled(client, files)
    problem(client.get(f"/v1/checkpoints/{checkpoint}"), 404, "checkpoint_not_found")
    answer = complete(client, checkpoint)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["id"], told["job"], told["step"], told["name"]) == (checkpoint, None, 0, "my bert")
    spec = told["spec"]
    assert (spec["task"]["kind"], spec["model"]["architecture"], spec["model"]["layers"]) == (
        "masked_lm",
        "bert",
        2,
    )
    assert spec["model"]["config"]["hidden_act"] == "relu"
    assert spec["model"]["config"]["field_of_somebody"] == {"kept": [1, 2]}
    assert complete(client, checkpoint).json() == told, "completing it again changes nothing"
    assert client.get(f"/v1/checkpoints/{checkpoint}").json() == told
    assert [one["id"] for one in client.get("/v1/checkpoints").json()["data"]] == [checkpoint]
    for name, content in files.items():
        assert client.get(f"/v1/checkpoints/{checkpoint}/files/{name}").content == content
    archive = zipfile.ZipFile(io.BytesIO(client.get(f"/v1/checkpoints/{checkpoint}/archive").content))
    assert {Path(name).name for name in archive.namelist()} == {*files, "manifest.json", "README.md"}
    usage = client.get("/v1/usage").json()["checkpoints"]
    assert (usage["count"], usage["bytes"]) == (1, sum(map(len, files.values())))
    assert client.get("/v1/jobs").json()["data"] == []
    problem(put(client, checkpoint, "config.json", b"{}"), 409, "checkpoint_not_open")
    assert client.delete(f"/v1/checkpoints/{checkpoint}").status_code == 204
    problem(client.get(f"/v1/checkpoints/{checkpoint}"), 404, "checkpoint_not_found")
    problem(complete(client, checkpoint), 404, "checkpoint_not_found")
    assert client.get("/v1/checkpoints").json()["data"] == []


class Harmful:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, ...]]:
        return (Path.touch, (Path("/tmp/ran"),))  # type: ignore[return-value]


def torch_archive() -> bytes:
    """The beginning of a file of `torch.save`: a zip with a pickle in it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Harmful()))
    return content.getvalue()


def weights_named(name: str) -> bytes:
    """A safetensors file of one number, whose tensor has a name as it stands in JSON."""
    header = f'{{"{name}": {{"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}}}'.encode()
    return len(header).to_bytes(8, "little") + header + bytes(4)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("pytorch_model.bin", b"anything", "pickle_refused"),
        ("model.PT", b"", "pickle_refused"),
        ("optimizer.pkl", pickle.dumps(Harmful()), "pickle_refused"),
        ("model.safetensors", pickle.dumps(Harmful()), "pickle_refused"),
        ("model.safetensors", pickle.dumps([1], protocol=2), "pickle_refused"),
        ("model.safetensors", torch_archive(), "pickle_refused"),
        ("modeling_mine.py", b"import os", "code_refused"),
        ("config.json", b'{"auto_map": {"AutoModel": "mine.Model"}}', "code_refused"),
        ("tokenizer_config.json", b'{"auto_map": {"AutoTokenizer": ["mine.T", null]}}', "code_refused"),
        ("tf_model.h5", b"", "unknown_format"),
        ("notes.docx", b"", "unknown_format"),
        ("config.json", b"[]", "bad_file"),
        ("config.json", b"{", "bad_file"),
        ("config.json", b"[" * 100_000, "bad_file"),
        ("model.safetensors.index.json", b'{"weight_map": [1]}', "bad_file"),
        ("model.safetensors.index.json", b'{"weight_map": {"a\\u0000": "model.safetensors"}}', "bad_file"),
        ("config.json", b'{"layer_norm_eps": NaN}', "bad_file"),
        ("config.json", b'{"layer_norm_eps": [1e999]}', "bad_file"),
        ("config.json", b'{"name\\u0000": 1}', "bad_file"),
        ("config.json", b'{"inner": {"name": ["\\ud800"]}}', "bad_file"),
        ("config.json", b'{"inner": ' + b"[" * 32 + b"]" * 32 + b"}", "bad_file"),
        ("preprocessor_config.json", b'{"image_mean": [-Infinity]}', "bad_file"),
        ("tokenizer.json", b'{"model": 3}', "bad_tokenizer"),
        ("model.safetensors", b"abc", "bad_weights"),
        ("model.safetensors", b"\xff" * 100, "bad_weights"),
        ("model.safetensors", (2).to_bytes(8, "little") + b"[]", "bad_weights"),
        ("model.safetensors", weights_named("a\\u0000"), "bad_weights"),
        ("model.safetensors", weights_named("\\udfff"), "bad_weights"),
        ("..%2Fconfig.json", b"{}", "bad_name"),
        ("a%2Fconfig.json", b"{}", "bad_name"),
        (".config.json", b"{}", "bad_name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_can_be_no_part_of_a_checkpoint_is_refused_at_once(
    client: httpx.Client, name: str, content: bytes, code: str, tmp_path: Path
) -> None:
    checkpoint = begun(client)
    refusal = problem(put(client, checkpoint, name, content), 422, code)
    assert len(refusal["detail"]) > 30
    assert not [path for path in (tmp_path / "storage").rglob("*") if path.is_file()]
    problem(complete(client, checkpoint), 422, "checkpoint_incomplete")


def with_tensor(content: bytes, change: Callable[[dict[str, Any]], None], tmp_path: Path) -> bytes:
    path = tmp_path / "changed.safetensors"
    path.write_bytes(content)
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    return path.read_bytes()


NAME = "bert.encoder.layer.1.output.dense.weight"


def test_what_does_not_fit_together_is_refused_and_can_be_mended(
    client: httpx.Client, bert: Path, sharded: Path, tmp_path: Path
) -> None:
    files = files_of(bert)
    config = json.loads(files["config.json"])
    weights = files["model.safetensors"]

    def cut(tensors: dict[str, Any]) -> None:
        tensors[NAME] = tensors[NAME][:-1].copy()

    def without(tensors: dict[str, Any]) -> None:
        del tensors[NAME]

    def whole_numbers(tensors: dict[str, Any]) -> None:
        tensors[NAME] = tensors[NAME].astype("int64")

    def told(**changes: Any) -> dict[str, bytes]:
        return {"config.json": json.dumps(config | changes).encode()}

    tokenizer = json.loads(files["tokenizer.json"])
    tokenizer["added_tokens"].append(tokenizer["added_tokens"][-1] | {"id": 500, "content": "[MORE]"})
    shards = files_of(sharded)
    first = min(name for name in shards if name.endswith(".safetensors"))
    cases: list[tuple[dict[str, bytes], str, str]] = [
        (
            {name: c for name, c in files.items() if name != "config.json"},
            "checkpoint_incomplete",
            "config.json",
        ),
        (
            {name: c for name, c in files.items() if name != "model.safetensors"},
            "checkpoint_incomplete",
            "model.safetensors",
        ),
        (
            {name: c for name, c in files.items() if name != "tokenizer.json"},
            "checkpoint_incomplete",
            "tokenizer.json",
        ),
        ({name: c for name, c in shards.items() if name != first}, "checkpoint_incomplete", first),
        (
            {name: c for name, c in shards.items() if name != "model.safetensors.index.json"},
            "checkpoint_incomplete",
            "index",
        ),
        (files | {"more.safetensors": weights}, "checkpoint_incomplete", "index"),
        (shards | {"more.safetensors": weights}, "checkpoint_misfit", "more.safetensors"),
        (files | {"model.safetensors": with_tensor(weights, cut, tmp_path)}, "checkpoint_misfit", "31 x 48"),
        (files | {"model.safetensors": with_tensor(weights, without, tmp_path)}, "checkpoint_misfit", NAME),
        (
            files | {"model.safetensors": with_tensor(weights, whole_numbers, tmp_path)},
            "checkpoint_misfit",
            "I64",
        ),
        (files | told(hidden_size=64), "checkpoint_misfit", "64"),
        (files | told(num_hidden_layers=3), "checkpoint_misfit", "encoder.layer.2"),
        (files | told(hidden_size="many"), "checkpoint_misfit", "hidden_size"),
        (
            files | told(model_type="gpt2", n_embd=32, n_layer=2, n_head=4),
            "checkpoint_misfit",
            "transformer.wte",
        ),
        (files | told(model_type="deberta"), "checkpoint_unsupported", "deberta"),
        (files | told(model_type=None), "checkpoint_unsupported", "model_type"),
        (files | told(hidden_act="spline"), "checkpoint_unsupported", "hidden_act"),
        (files | told(position_embedding_type="relative_key"), "checkpoint_unsupported", "relative_key"),
        (files | told(is_decoder=True), "checkpoint_unsupported", "is_decoder"),
        (files | told(quantization_config={"bits": 4}), "checkpoint_unsupported", "quantised"),
        (files | told(num_attention_heads=5), "checkpoint_unsupported", "heads"),
        (
            files | {"tokenizer.json": json.dumps(tokenizer).encode()},
            "checkpoint_misfit",
            "tokenizer of another model",
        ),
    ]
    for number, (changed, code, named) in enumerate(cases):
        checkpoint = filled(client, changed)
        refusal = problem(complete(client, checkpoint), 422, code)
        assert named in refusal["detail"], (number, refusal["detail"])
        problem(client.get(f"/v1/checkpoints/{checkpoint}"), 404, "checkpoint_not_found")
    # The last one stays open: with the right tokenizer it is complete.
    assert put(client, checkpoint, "tokenizer.json", files["tokenizer.json"]).status_code == 200
    assert complete(client, checkpoint).status_code == 200
    assert client.get(f"/v1/checkpoints/{checkpoint}/files/tokenizer.json").content == files["tokenizer.json"]


def test_an_open_upload_is_deleted_by_hand_or_after_a_day(
    client: httpx.Client, bert: Path, engine: Engine, server_settings: Settings, tmp_path: Path
) -> None:
    storage = open_storage(server_settings.storage_url)
    kept, dropped = (filled(client, files_of(bert)) for _ in range(2))
    assert client.get("/v1/usage").json()["checkpoints"]["bytes"] > 0
    assert client.delete(f"/v1/checkpoints/{dropped}").status_code == 204
    problem(complete(client, dropped), 404, "checkpoint_not_found")
    assert orphans.sweep(engine, storage, older_than=timedelta(0)) == [], "an open upload is no leftover"
    assert uploads.remove_abandoned(engine, storage, timedelta(days=1)) == 0
    assert uploads.remove_abandoned(engine, storage, timedelta(0)) == 1
    problem(complete(client, kept), 404, "checkpoint_not_found")
    assert not [path for path in (tmp_path / "storage").rglob("*") if path.is_file()]
    assert client.get("/v1/usage").json()["checkpoints"]["bytes"] == 0


def test_files_count_against_the_quota_of_checkpoints(client: httpx.Client, bert: Path) -> None:
    files = files_of(bert)
    size = sum(map(len, files.values()))
    assert client.patch("/v1/quotas", json={"checkpoints": size - 1}).status_code == 200
    checkpoint = begun(client)
    answers = [put(client, checkpoint, name, content).status_code for name, content in files.items()]
    assert answers.count(413) == 1


def test_another_project_sees_nothing_of_it(client: httpx.Client, stranger: httpx.Client, bert: Path) -> None:
    checkpoint = filled(client, files_of(bert))
    problem(put(stranger, checkpoint, "config.json", b"{}"), 404, "checkpoint_not_found")
    problem(complete(stranger, checkpoint), 404, "checkpoint_not_found")
    complete(client, checkpoint)
    problem(stranger.get(f"/v1/checkpoints/{checkpoint}"), 404, "checkpoint_not_found")
    problem(stranger.delete(f"/v1/checkpoints/{checkpoint}"), 404, "checkpoint_not_found")
    assert stranger.get("/v1/checkpoints").json()["data"] == []


def test_a_job_takes_what_it_leaves_out_from_an_uploaded_checkpoint(
    client: httpx.Client, bert: Path, dataset_id: str, engine: Engine
) -> None:
    checkpoint = filled(client, files_of(bert))
    complete(client, checkpoint)
    text = " ".join(["the cat sat on the red mat"] * 3000).encode()
    assert client.put(f"/v1/datasets/{dataset_id}/files/a.txt", content=text).status_code == 201
    client.post(f"/v1/datasets/{dataset_id}/complete")
    spec: dict[str, Any] = {
        "name": "on",
        "dataset": dataset_id,
        "task": {"kind": "masked_lm"},
        "start": {"checkpoint": checkpoint},
        "training": {"steps": 3, "batch_size": 4, "sequence_length": 24},
    }
    answer = client.post("/v1/jobs", json=spec)
    assert answer.status_code == 201, answer.text
    job = answer.json()
    assert job["parent"] == {"job": None, "checkpoint": checkpoint, "scope": "all"}
    model, tokenizer = job["spec"]["model"], job["spec"]["data"]["tokenizer"]
    assert (model["hidden_size"], model["config"]["type_vocab_size"]) == (32, 3)
    assert (tokenizer["kind"], tokenizer["vocabulary_size"]) == ("checkpoint", 300)
    problem(client.delete(f"/v1/checkpoints/{checkpoint}"), 409, "checkpoint_in_use")

    def refused(**changes: Any) -> dict[str, Any]:
        return problem(client.post("/v1/jobs", json=spec | changes), 422, "validation_failed")

    added = {"data": {"tokenizer": {"kind": "checkpoint", "add_tokens": ["kubernetes", "<user>"]}}}
    answer = client.post("/v1/jobs", json=spec | added)
    assert answer.status_code == 201, answer.text
    tokenizer = answer.json()["spec"]["data"]["tokenizer"]
    assert tokenizer["add_tokens"] == ["kubernetes", "<user>"]
    assert tokenizer["vocabulary_size"] == 302
    twice = refused(data={"tokenizer": {"kind": "checkpoint", "add_tokens": ["a", "a"]}})
    assert (twice["param"], twice["errors"][0]["code"]) == ("data.tokenizer.add_tokens", "added_token")
    long = refused(training=spec["training"] | {"sequence_length": 64})
    assert long["param"] == "training.sequence_length"
    assert refused(model={"preset": "bert-mini"})["param"] == "model"
    assert refused(task={"kind": "causal_lm"})["param"] == "task.kind"
    assert "text" in refused(task={"kind": "wav2vec2"}, start=spec["start"] | {"scope": "encoder"})["detail"]
    assert refused(data={"tokenizer": {"kind": "bpe"}})["param"] == "data.tokenizer"
    with write(engine) as session:
        assert session.query(Job).filter_by(purpose="upload").one().dataset_id is None
