"""The audio MAE against a slow reference, and as a task."""

import io
import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoFeatureExtractor, AutoModel

from core.checkpoints.writer import copy_to_host
from core.data import Prepared, data_files, prepare_for
from core.data.audio import PreparedAudio
from core.networks.spectrogram_mae import Grid, encode_visible
from core.objectives.base import Batch
from core.spec.estimate import estimate
from core.spec.job import JobSpec
from core.spec.problems import validate
from core.tasks.masked_spectrogram.objective import MaskedSpectrogramModeling
from core.tasks.objectives import create_objective
from tests.core.tasks.gradients import assert_same_gradients


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small are slower on several."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def job_of(spec: dict[str, Any], tasks: dict[str, Any], **changed: Any) -> JobSpec:
    return validate(spec | {"task": tasks["masked_spectrogram"] | changed})


@pytest.fixture
def data(recordings: Path, cache: Path, audio_spec: dict[str, Any], audio_tasks: dict[str, Any]) -> Prepared:
    return prepare_for(job_of(audio_spec, audio_tasks), data_files([recordings], "audio"), cache)


@pytest.fixture(params=[True, False], ids=["normalised", "as they are"])
def objective(
    request: pytest.FixtureRequest, data: Prepared, audio_spec: dict[str, Any], audio_tasks: dict[str, Any]
) -> MaskedSpectrogramModeling:
    job = job_of(audio_spec, audio_tasks, normalize_targets=request.param)
    created = create_objective(job, data)
    assert isinstance(created, MaskedSpectrogramModeling)
    return created


def batch_of(objective: MaskedSpectrogramModeling, *ids: int, key: int = 5) -> Batch:
    indices = np.array(ids)
    return objective.collate(objective.samples("train").rows(indices), indices, key)


def slow_loss(objective: MaskedSpectrogramModeling, batch: Batch) -> torch.Tensor:
    """Patch by patch, from the definition."""
    t, side = batch.tensors, objective.task.patch_size
    spectrograms = (objective.log_mel(t["waves"], t["lengths"]) - objective.mean) / (2 * objective.std)
    tokens = encode_visible(objective.model, spectrograms, t["visible"])
    predicted = objective.decoder(tokens, t["ranks"])
    total = torch.zeros(())
    for row in range(len(spectrograms)):
        sound = max(1, (int(t["lengths"][row]) - 400) // 160 + 1)
        visible = set(t["visible"][row].tolist())
        for band in range(objective.grid.bands):
            for time in range(objective.grid.times):
                patch = band * objective.grid.times + time
                if patch in visible or time * side >= sound:
                    continue
                target = [
                    float(spectrograms[row, time * side + frame, band * side + bin_])
                    for bin_ in range(side)
                    for frame in range(side)
                ]
                if objective.task.normalize_targets:
                    mean = sum(target) / len(target)
                    variance = sum((x - mean) ** 2 for x in target) / (len(target) - 1)
                    target = [(x - mean) / math.sqrt(variance + 1e-6) for x in target]
                guess = predicted[row, patch]
                total = total + sum((a - b) ** 2 for a, b in zip(target, guess, strict=True)) / len(target)
    return total


@pytest.mark.parametrize("ids", [(0, 1, 2), (3,)], ids=["three", "one"])
def test_loss_and_gradients_equal_the_definitions(
    objective: MaskedSpectrogramModeling, ids: tuple[int, ...]
) -> None:
    batch = batch_of(objective, *ids)
    assert_same_gradients(objective, objective(batch).total, slow_loss(objective, batch))


def test_four_fifths_are_hidden_and_only_sound_is_predicted(objective: MaskedSpectrogramModeling) -> None:
    batch = batch_of(objective, *range(12))
    patches = objective.grid.patches
    assert batch.tensors["visible"].shape == (12, round(0.2 * patches))
    hidden = batch.tensors["ranks"] >= objective.visible
    assert hidden.sum(dim=1).tolist() == [patches - objective.visible] * 12
    for row, visible in enumerate(batch.tensors["visible"].tolist()):
        assert not hidden[row, visible].any()
    assert batch.count == int(batch.tensors["predicted"].sum()) < int(hidden.sum())
    assert not (batch.tensors["predicted"] & ~hidden).any()


def test_patches_equal_those_of_the_convolution() -> None:
    grid = Grid(bands=3, times=5, side=4)
    spectrograms = torch.randn(2, 20, 12)
    patches = grid.cut(spectrograms)
    assert torch.equal(grid.join(patches), spectrograms)
    convolution = torch.nn.Conv2d(1, 7, 4, 4)
    expected = convolution(spectrograms[:, None].transpose(2, 3)).flatten(2).transpose(1, 2)
    found = patches @ convolution.weight.flatten(1).T + convolution.bias
    assert torch.allclose(found, expected, atol=1e-5)


def test_with_all_patches_visible_the_encoder_equals_the_plain_one(
    objective: MaskedSpectrogramModeling,
) -> None:
    objective.eval()
    spectrograms = torch.randn(2, objective.log_mel.frames, objective.task.mel_bins)
    everything = torch.arange(objective.grid.patches).expand(2, -1)
    with torch.no_grad():
        found = encode_visible(objective.model, spectrograms, everything)
        assert torch.allclose(found, objective.model(spectrograms).last_hidden_state, atol=1e-5)


@pytest.mark.parametrize("seconds", [0.01, 0.0777, 0.2501, 0.5])
def test_odd_lengths_and_a_batch_of_one(
    data: Prepared, audio_spec: dict[str, Any], audio_tasks: dict[str, Any], seconds: float
) -> None:
    audio_spec["data"]["audio"]["clip_seconds"] = seconds
    objective = create_objective(job_of(audio_spec, audio_tasks), data)
    losses = objective(batch_of(objective, 2))  # type: ignore[arg-type]
    losses.total.backward()
    assert math.isfinite(losses.total.item())
    objective.eval()
    with torch.no_grad():
        rows = objective.samples("train").rows(np.array([1]))
        features = objective.encode(rows)
        every = objective.encode_layers(rows)  # type: ignore[attr-defined]
    assert features is not None
    assert features.shape == (1, 32)
    assert features.isfinite().all()
    assert every.shape == (1, len(objective.layers), 32)  # type: ignore[attr-defined]


def test_the_sample_picture_is_the_same_at_every_evaluation(objective: MaskedSpectrogramModeling) -> None:
    objective.eval()
    held_out = objective.samples("held_out")
    with torch.no_grad():
        (first,), (second,) = (objective.show(held_out, np.arange(10)) for _ in range(2))
    assert first == second
    assert first.media_type == "image/png"
    width, height = struct.unpack(">II", first.content[16:24])
    assert height > width / 3, "eight rows of three spectrograms"


def test_export_opens_in_transformers_and_restores(
    objective: MaskedSpectrogramModeling, data: Prepared, audio_spec: dict[str, Any], tmp_path: Path
) -> None:
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    loaded, report = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(report.values())
    assert type(loaded).__name__ == "ASTModel"

    samples = objective.samples("train")
    rows = samples.rows(np.array([0]))
    assert isinstance(data, PreparedAudio)
    wave = data.recording("train", 0)[: objective.clip] / np.float32(32767)
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path)
    inputs = extractor(wave, sampling_rate=8000, return_tensors="pt")
    objective.eval()
    with torch.no_grad():
        tensors, lengths = objective.clips(rows, np.array([0]), 0, None)
        ours = objective.spectrograms(tensors["waves"], tensors["lengths"])
        assert torch.allclose(inputs["input_values"], ours, atol=1e-3)
        tokens = loaded(**inputs).last_hidden_state[:, 2:]
        sounding = torch.from_numpy(objective.sounding(lengths))[..., None]
        expected = (tokens * sounding).sum(dim=1) / sounding.sum()
        assert torch.allclose(expected, objective.encode(rows), atol=1e-3)

    audio_spec["training"]["seed"] = 8
    fresh = create_objective(validate(audio_spec | {"task": objective.task.model_dump()}), data)
    fresh.restore(tmp_path)
    for name, tensor in objective.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], tensor), name


def test_parameters_are_counted(objective: MaskedSpectrogramModeling, audio_spec: dict[str, Any]) -> None:
    spec = validate(audio_spec | {"task": objective.task.model_dump()})
    assert estimate(spec).parameters == objective.parameter_count


def test_spectrograms_are_normalised_by_the_data(objective: MaskedSpectrogramModeling) -> None:
    samples = objective.samples("train")
    batch = batch_of(objective, *range(len(samples)))
    spectrograms = objective.spectrograms(batch.tensors["waves"], batch.tensors["lengths"])
    counts = objective.log_mel.count(batch.tensors["lengths"])
    sound = torch.cat([one[:count].flatten() for one, count in zip(spectrograms, counts, strict=True)])
    assert sound.mean().item() == pytest.approx(0.0, abs=0.05)
    assert sound.std().item() == pytest.approx(0.5, abs=0.05)


def test_it_learns(objective: MaskedSpectrogramModeling) -> None:
    optimizer = torch.optim.AdamW(objective.parameters(), 3e-3)
    values = []
    for step in range(40):
        batch = batch_of(objective, *range(8), key=step)
        loss = objective(batch).total / batch.count
        values.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert np.mean(values[-5:]) < 0.75 * values[0]


def test_a_preview_greys_the_patches_that_the_step_hides(objective: MaskedSpectrogramModeling) -> None:
    ids = np.array([3, 0, 5])
    (shown,) = objective.preview(objective.samples("train").rows(ids), ids, 9)
    picture = np.array(Image.open(io.BytesIO(shown.content)))
    t = batch_of(objective, *ids, key=9).tensors
    grid = objective.grid
    height, width = grid.bands * grid.side, grid.times * grid.side
    scale = max(1, -(-64 // max(height, width)))
    down, across = height * scale + 2, width * scale + 2
    for number in range(len(ids)):
        whole, masked = (
            picture[
                2 + down * row : down * (row + 1) : scale, 2 + across * number : across * (number + 1) : scale
            ]
            for row in (0, 1)
        )
        visible = set(t["visible"][number].tolist())
        for patch in range(grid.patches):
            band, time = divmod(patch, grid.times)
            # Low bands are at the bottom.
            rows = slice(height - (band + 1) * grid.side, height - band * grid.side)
            columns = slice(time * grid.side, (time + 1) * grid.side)
            if patch in visible:
                assert (masked[rows, columns] == whole[rows, columns]).all()
            else:
                assert set(np.unique(masked[rows, columns])) <= {127, 128}
