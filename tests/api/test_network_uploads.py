"""Uploaded networks of images and audio: what does not fit together or cannot be computed here is refused, with the reason."""

import json
import pickle
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Engine

from control.db import read, write
from control.jobs import service as jobs
from control.predictions.schemas import PredictIn
from control.predictions.service import request_of
from tests.api.test_checkpoint_uploads import complete, files_of, filled, problem, put, with_tensor
from tests.core.published_networks import NETWORKS, saved_network
from tests.factories import make_worker

CASES: dict[str, tuple[str, str, dict[str, Any], str, str]] = {
    "image size": ("vit", "config.json", {"image_size": 32}, "checkpoint_misfit", "position_embeddings"),
    "rectangular images": ("vit", "config.json", {"image_size": [16, 32]}, "checkpoint_misfit", "image_size"),
    "patch size": ("vit", "config.json", {"patch_size": 8}, "checkpoint_misfit", "embeddings"),
    "layers": ("vit_mae", "config.json", {"num_hidden_layers": 3}, "checkpoint_misfit", "encoder.layer.2"),
    "decoder": ("vit_mae", "config.json", {"decoder_hidden_size": 12}, "checkpoint_misfit", "decoder"),
    "activation": ("vit", "config.json", {"hidden_act": "spline"}, "checkpoint_unsupported", "hidden_act"),
    "size of the preprocessor": (
        "vit",
        "preprocessor_config.json",
        {"size": {"height": 32, "width": 32}},
        "checkpoint_misfit",
        "32 pixels",
    ),
    "rectangles of the preprocessor": (
        "vit",
        "preprocessor_config.json",
        {"size": {"height": 16, "width": 32}},
        "checkpoint_unsupported",
        "squares",
    ),
    "sides of the preprocessor that are lists": (
        "vit",
        "preprocessor_config.json",
        {"size": {"height": [16], "width": [16]}},
        "checkpoint_unsupported",
        "squares",
    ),
    "a mean larger than any float": (
        "vit",
        "preprocessor_config.json",
        {"image_mean": 10**400},
        "checkpoint_unsupported",
        "image_mean",
    ),
    "a scale larger than any float": (
        "vit",
        "preprocessor_config.json",
        {"rescale_factor": 10**400},
        "checkpoint_unsupported",
        "rescale_factor",
    ),
    "no rescaling": (
        "vit",
        "preprocessor_config.json",
        {"do_rescale": False},
        "checkpoint_unsupported",
        "do_rescale",
    ),
    "another scale": (
        "vit_mae",
        "preprocessor_config.json",
        {"rescale_factor": 1 / 127.5},
        "checkpoint_unsupported",
        "rescale_factor",
    ),
    "means of other channels": (
        "vit",
        "preprocessor_config.json",
        {"image_mean": [0.5]},
        "checkpoint_misfit",
        "image_mean",
    ),
    "a preprocessor of audio": (
        "resnet",
        "preprocessor_config.json",
        {"image_processor_type": "ASTFeatureExtractor"},
        "checkpoint_unsupported",
        "ASTFeatureExtractor",
    ),
    "stages": ("resnet", "config.json", {"hidden_sizes": [8, 32]}, "checkpoint_misfit", "stages.1"),
    "numbers of stages": ("resnet", "config.json", {"depths": [1, 1, 1]}, "checkpoint_misfit", ""),
    "downsampling": (
        "resnet",
        "config.json",
        {"downsample_in_first_stage": True},
        "checkpoint_unsupported",
        "downsample_in_first_stage",
    ),
    "strides": ("ast", "config.json", {"time_stride": 8}, "checkpoint_misfit", "position_embeddings"),
    "bands": ("ast", "preprocessor_config.json", {"num_mel_bins": 32}, "checkpoint_misfit", "num_mel_bins"),
    "frames": ("ast", "preprocessor_config.json", {"max_length": 32}, "checkpoint_misfit", "max_length"),
    "another extractor": (
        "ast",
        "preprocessor_config.json",
        {"feature_extractor_type": "WhisperFeatureExtractor"},
        "checkpoint_unsupported",
        "WhisperFeatureExtractor",
    ),
    "sampling rate": (
        "wav2vec2",
        "preprocessor_config.json",
        {"sampling_rate": 500},
        "checkpoint_unsupported",
        "sampling_rate",
    ),
    "no samples a second": (
        "ast",
        "preprocessor_config.json",
        {"sampling_rate": 0},
        "checkpoint_unsupported",
        "sampling_rate",
    ),
    "channels of sound": (
        "wav2vec2",
        "preprocessor_config.json",
        {"feature_size": 2},
        "checkpoint_unsupported",
        "feature_size",
    ),
    "kernels": (
        "wav2vec2",
        "config.json",
        {"conv_kernel": [10, 3, 4]},
        "checkpoint_misfit",
        "conv_layers.1",
    ),
    "a norm of layers": (
        "wav2vec2",
        "config.json",
        {"feat_extract_norm": "layer"},
        "checkpoint_misfit",
        "layer_norm",
    ),
    "an adapter": ("wav2vec2", "config.json", {"add_adapter": True}, "checkpoint_unsupported", "add_adapter"),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bytes]]:
    """The files of networks, by name."""
    found = {}
    for name in ("vit", "vit_mae", "resnet", "ast", "wav2vec2"):
        directory = tmp_path_factory.mktemp("models") / name
        saved_network(name, directory)
        found[name] = files_of(directory)
    return found


def test_networks_become_checkpoints_of_the_task_that_goes_on_with_them(
    client: httpx.Client, models: dict[str, dict[str, bytes]]
) -> None:
    for name, files in models.items():
        checkpoint = filled(client, files)
        answer = complete(client, checkpoint)
        assert answer.status_code == 200, answer.text
        spec = answer.json()["spec"]
        assert spec["task"]["kind"] == NETWORKS[name].task
        assert spec["model"]["preprocessor"] == json.loads(files["preprocessor_config.json"])
        assert spec["model"]["config"]["field_of_somebody"] == {"kept": [1, 2]}


def test_exports_and_predictions_of_an_uploaded_network_name_no_job(
    client: httpx.Client, models: dict[str, dict[str, bytes]], engine: Engine, project_id: str
) -> None:
    checkpoint = filled(client, models["vit"])
    complete(client, checkpoint)
    for file_format in ("onnx", "onnx_int8"):
        answer = client.post(f"/v1/checkpoints/{checkpoint}/export", json={"format": file_format})
        assert answer.status_code == 202, answer.text
        asked = answer.json()
        assert (asked["checkpoint"], asked["job"], asked["step"]) == (checkpoint, None, 0)
        again = client.post(f"/v1/checkpoints/{checkpoint}/export", json={"format": file_format}).json()
        assert again["id"] == asked["id"]
        with write(engine) as session:
            claim = jobs.claim(session, make_worker(session))
            assert claim
            assert (claim.job_id, claim.files) == (asked["id"], ())
            assert [reference.id for reference in claim.checkpoints] == [checkpoint]
            jobs.finish(
                session, claim.job_id, claim.attempt, jobs.Failed("export_differs", "It differs.", "")
            )
        assert client.get(f"/v1/exports/{asked['id']}").json()["job"] is None
    with read(engine) as session:
        request = request_of(
            session, project_id, checkpoint, PredictIn(kind="embed", content="eA=="), seconds=9
        )
    assert (request.job_id, request.step) == (None, 0)


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_fit_is_refused_with_the_reason(
    client: httpx.Client, models: dict[str, dict[str, bytes]], case: str
) -> None:
    model, file, changes, code, named = CASES[case]
    files = models[model]
    changed = json.dumps(json.loads(files[file]) | changes).encode()
    checkpoint = filled(client, files | {file: changed})
    refusal = problem(complete(client, checkpoint), 422, code)
    assert named in refusal["detail"], refusal["detail"]
    assert put(client, checkpoint, file, files[file]).status_code == 200
    assert complete(client, checkpoint).status_code == 200


@pytest.mark.parametrize("model", ["vit", "vit_mae", "resnet", "ast", "wav2vec2"])
def test_pickles_missing_files_and_wrong_shapes_are_refused(
    client: httpx.Client, models: dict[str, dict[str, bytes]], model: str, tmp_path: Path
) -> None:
    files = models[model]
    weights = files["model.safetensors"]
    checkpoint = filled(client, {name: c for name, c in files.items() if name != "model.safetensors"})
    refused = put(client, checkpoint, "model.safetensors", pickle.dumps({"weights": [1.0]}))
    problem(refused, 422, "pickle_refused")
    problem(complete(client, checkpoint), 422, "checkpoint_incomplete")
    checkpoint = filled(client, {name: c for name, c in files.items() if name != "preprocessor_config.json"})
    refusal = problem(complete(client, checkpoint), 422, "checkpoint_incomplete")
    assert "preprocessor_config.json" in refusal["detail"]
    index = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    shards = {name: c for name, c in files.items() if name != "model.safetensors"}
    shards |= {
        "model.safetensors.index.json": json.dumps(index).encode(),
        "model-00001-of-00002.safetensors": weights,
    }
    refusal = problem(complete(client, filled(client, shards)), 422, "checkpoint_incomplete")
    assert "model-00002-of-00002.safetensors" in refusal["detail"]

    def cut(tensors: dict[str, Any]) -> None:
        name = max((name for name in tensors if "encoder" in name), key=lambda name: tensors[name].size)
        tensors[name] = tensors[name][:-1].copy()

    changed = files | {"model.safetensors": with_tensor(weights, cut, tmp_path)}
    refusal = problem(complete(client, filled(client, changed)), 422, "checkpoint_misfit")
    assert "shape" in refusal["detail"]
