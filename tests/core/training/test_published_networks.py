"""Runs start from networks of images and audio that `transformers` saved: their outputs, what trains them, and what comes out."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor

from core.data import data_files, prepare_for
from core.spec.architectures.ast import SPECIAL_TOKENS
from core.spec.inheritance import completed as with_settings
from core.spec.job import JobSpec
from core.spec.problems import validate
from core.spec.start_completion import completed
from core.tasks.objectives import create_objective
from tests.core.published_models import published
from tests.core.published_networks import NETWORKS, RATE, SIDE, saved_network
from tests.core.tasks.image_tasks import coloured_pictures

IMAGES = [name for name in NETWORKS if name.startswith(("vit", "resnet"))]
AUDIO = [name for name in NETWORKS if name not in IMAGES]
FINE_TUNING = {"image": "image_classification", "audio": "audio_classification"}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


def job_of(directory: Path, task: dict[str, Any], scope: str, **data: Any) -> dict[str, Any]:
    """A job that starts from the network in a directory, as the service completes it."""
    found = published(directory).document
    before = JobSpec.model_validate({"name": "theirs", **found})
    spec = validate(
        {
            "name": "goes on",
            "task": task,
            "start": {"scope": scope},
            "data": {"held_out_fraction": 0.25, **data},
            "training": {"steps": 3, "batch_size": 4, "precision": "fp32", "log_every": 1},
            "resources": {"device": "cpu"},
        }
    )
    document: dict[str, Any] = with_settings(completed(spec, before), before).model_dump(
        mode="json", exclude_unset=True
    )
    return document


def made(document: dict[str, Any], directory: Path, data: Path, cache: Path) -> Any:
    job = validate(document)
    prepared = prepare_for(job, data_files([data], job.task.modality), cache, start=directory)
    return create_objective(job, prepared, directory).eval()


@pytest.mark.parametrize("name", IMAGES)
@torch.no_grad()
def test_the_encoder_of_images_computes_what_the_network_computed(
    name: str, pictures: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "model"
    saved_network(name, directory)
    started = made(
        job_of(directory, {"kind": "image_classification"}, "encoder"),
        directory,
        pictures,
        tmp_path / "cache",
    )
    rows = started.samples("train").rows(np.arange(3))
    images = [Image.fromarray(row) for row in rows]
    process = AutoImageProcessor.from_pretrained(directory)
    pixels = process(images, do_resize=False, return_tensors="pt")["pixel_values"]
    assert pixels.shape[-1] == SIDE
    network = NETWORKS[name].bare.from_pretrained(directory).eval()
    expected = network(pixel_values=pixels).last_hidden_state
    expected = expected.flatten(2).transpose(1, 2) if expected.ndim == 4 else expected[:, 1:]
    found = started.learned_encoder.tokens(started.normalised(started.pixels(rows)))
    assert expected.std() > 0.01
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", AUDIO)
@torch.no_grad()
def test_the_encoder_of_audio_computes_what_the_network_computed(
    name: str, recordings: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "model"
    saved_network(name, directory)
    audio = {"clip_seconds": 0.2} if name.startswith("wav2vec2") else {}
    document = job_of(directory, {"kind": "audio_classification"}, "encoder", audio=audio)
    assert document["data"]["audio"]["sampling_rate"] == RATE
    started = made(document, directory, recordings, tmp_path / "cache")
    samples = started.samples("train")
    rows = samples.rows(np.arange(6))
    inputs, real = started.sound(rows)
    found = started.learned_encoder.tokens(inputs, real)
    extract = NETWORKS[name].preprocessor()
    network = NETWORKS[name].bare.from_pretrained(directory).eval()
    clips, lengths = started.clips(rows, np.arange(len(rows)), 0, None)
    compared = 0
    for wave, length, tokens, sounding in zip(clips["waves"], lengths.tolist(), found, real, strict=True):
        values = extract(wave[:length].numpy(), sampling_rate=RATE, return_tensors="pt")["input_values"]
        expected = network(values).last_hidden_state[0]
        if name.startswith("ast"):
            assert torch.allclose(tokens, expected[SPECIAL_TOKENS:], atol=1e-3)
            compared += 1
        elif length == started.clip or "norms of layers" in name:
            # With a group norm over time, the silence after a shorter recording changes the outputs.
            count = int(sounding.sum())
            assert torch.allclose(tokens[:count], expected[:count], atol=1e-4)
            compared += 1
    assert compared
    assert found.std() > 0.01


@pytest.mark.parametrize(
    ("name", "folder"),
    [("vit_mae", "autoencoder"), ("wav2vec2", "."), ("wav2vec2 with norms of layers", ".")],
)
def test_pretraining_goes_on_and_comes_out_in_the_same_layout(
    name: str, folder: str, pretrain: Any, pictures: Path, recordings: Path, tmp_path: Path
) -> None:
    directory, out = tmp_path / "model", tmp_path / "out"
    original = saved_network(name, directory)
    data = pictures if name in IMAGES else recordings
    task = {"kind": NETWORKS[name].task}
    audio = {} if name in IMAGES else {"audio": {"clip_seconds": 0.25}}
    document = job_of(directory, task, "all", **audio)
    engine = pretrain(document, out, "--start", str(directory), data=data)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    warned = [event for event in engine.of("warning") if event["code"] == "weights_missing"]
    own = out / "step-00000003" / folder
    before, after = (json.loads((path / "config.json").read_text()) for path in (directory, own))
    of_a_run = {"transformers_version", "architectures", "layerdrop", "mask_time_prob"}
    if "norms" not in name:
        assert not warned
        reopened = type(original).from_pretrained(own).state_dict()
        assert any(not torch.equal(tensor, reopened[key]) for key, tensor in original.state_dict().items())
        assert {key: value for key, value in after.items() if key not in of_a_run} == {
            key: value for key, value in before.items() if key not in of_a_run
        }
    else:
        assert len(warned) == 1, "a head of pretraining is missing there"
    assert json.loads((own / "preprocessor_config.json").read_text()) == json.loads(
        (directory / "preprocessor_config.json").read_text()
    )
