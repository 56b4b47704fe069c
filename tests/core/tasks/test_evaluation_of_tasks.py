"""Evaluation: on the requested part of the held-out split, as it is stored, with the weights that a checkpoint contains."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.data.image import ImageSamples
from core.networks.log_mel import LogMel
from core.tasks.gan import objective as gan
from tests.core.tasks.cases import objective_of
from tests.core.training.reference.jobs import CASES


@pytest.mark.parametrize("name", CASES)
def test_training_and_held_out_split_are_disjoint_and_those_of_the_data(
    name: str, request: pytest.FixtureRequest, cache: Path
) -> None:
    objective = objective_of(name, request, cache)
    parts = {split: objective.samples(split) for split in ("train", "held_out")}
    contents = {split: rows_of(samples) for split, samples in parts.items()}
    for split, rows in contents.items():
        assert len(rows) == len(parts[split]) > 0
        stored = stored_of(objective, split)
        if stored is not None:
            assert rows == stored
    if CASES[name].data != "sentences":  # rows of short sentences may be equal
        assert not set(contents["train"]) & set(contents["held_out"])
    else:
        assert contents["train"] != contents["held_out"]


def rows_of(samples: Any) -> list[bytes]:
    return [row.tobytes() for row in samples.rows(np.arange(len(samples)))]


def stored_of(objective: Any, split: str) -> list[bytes] | None:
    """The stored samples: one image in each row, or the text's tokens after [CLS]."""
    data = objective.data
    if hasattr(data, "images"):
        return [image.tobytes() for image in data.images(split)]
    if hasattr(data, "tokens") and data.packing == "stream" and data.label_facts is None:
        length, tokens = objective.sequence_length, data.tokens(split).astype(np.int64)
        causal = type(objective).__name__ == "CausalLM"
        step = length if causal else length - 1
        rows = range((len(tokens) - 1) // step if causal else len(tokens) // step)
        if causal:
            return [tokens[row * step : row * step + step + 1].tobytes() for row in rows]
        head = [data.special_ids.cls]
        return [np.r_[head, tokens[row * step : (row + 1) * step]].tobytes() for row in rows]
    return None


AUGMENTED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "masked_autoencoder": ({"random_crop": True}, {"random_crop": False}),
    "joint_embedding_prediction": ({"random_crop": True}, {"random_crop": False}),
    "wav2vec2": ({"augmentation": {"gain_db": 6.0, "speed": 0.2, "time_mask": 0.3}}, {}),
    "masked_spectrogram": ({"augmentation": {"gain_db": 6.0, "speed": 0.2, "time_mask": 0.3}}, {}),
}


@pytest.mark.parametrize("name", AUGMENTED)
def test_held_out_samples_are_measured_as_they_are_stored(
    name: str, request: pytest.FixtureRequest, cache: Path
) -> None:
    """Augmentation in training does not change the metrics of held-out samples."""
    measured, trained = [], []
    for change in AUGMENTED[name]:
        objective = objective_of(name, request, cache, task=change)
        ids = np.arange(6)
        batch = objective.collate(objective.samples("train").rows(ids), ids, 3)
        objective.eval()
        with torch.no_grad():
            torch.manual_seed(0)
            trained.append(objective(batch).total.item() / batch.count)
            measured.append(objective.evaluate(objective.samples("held_out"), ids, 6))
    assert trained[0] != pytest.approx(trained[1], rel=1e-4), "training does see it"
    assert measured[0] == measured[1]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.mixes])
def test_metrics_are_means_over_terms_independent_of_micro_batches(
    name: str, request: pytest.FixtureRequest, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gan, "train_classifier", lambda network, samples, labels: None)
    objective = objective_of(name, request, cache)
    objective.eval()
    held_out = objective.samples("held_out")
    ids = np.arange(min(7, len(held_out)))
    with torch.no_grad():
        whole, parts = (objective.evaluate(held_out, ids, size) for size in (len(ids), 3))
        fewer = objective.evaluate(held_out, ids[:-1], 3)
    assert parts == pytest.approx(whole, rel=2e-4, abs=1e-5)
    key = "eval/loss" if "eval/loss" in whole else "eval/real_score"
    assert fewer[key] != pytest.approx(whole[key], rel=1e-8), "the last sample counts"


def test_evaluation_and_samples_of_a_gan_use_its_averaged_generator(
    request: pytest.FixtureRequest, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gan, "train_classifier", lambda network, samples, labels: None)
    objective = objective_of("dcgan", request, cache)
    objective.eval()
    held_out, ids = objective.samples("held_out"), np.arange(4)

    def looked_at() -> tuple[Any, Any]:
        with torch.no_grad():
            return objective.evaluate(held_out, ids, 4)["eval/generated_score"], objective.show(held_out, ids)

    before = looked_at()
    with torch.no_grad():
        for parameter in objective.generator.parameters():
            parameter.add_(0.5)
    assert looked_at() == before
    with torch.no_grad():
        for parameter in objective.averaged.parameters():
            parameter.add_(0.5)
    score, shown = looked_at()
    assert score != before[0]
    assert shown != before[1]


def test_the_classifier_of_a_gan_is_trained_on_training_images_and_their_classes(
    request: pytest.FixtureRequest, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[tuple[ImageSamples, Any]] = []
    monkeypatch.setattr(
        gan, "train_classifier", lambda network, samples, labels: taught.append((samples, labels))
    )
    objective = objective_of("dcgan", request, cache)
    objective.eval()
    with torch.no_grad():
        for _ in range(2):
            objective.evaluate(objective.samples("held_out"), np.arange(4), 4)
    ((samples, labels),) = taught  # once in each run
    assert rows_of(samples) == [image.tobytes() for image in objective.data.images("train")]
    assert labels.tolist() == objective.data.labels("train").tolist()


def test_spectrograms_are_normalised_by_the_training_split_alone(
    request: pytest.FixtureRequest, cache: Path, tmp_path: Path
) -> None:
    objective = objective_of("masked_spectrogram", request, cache)
    values = []
    log_mel = LogMel(objective.task.mel_bins, 8000, objective.log_mel.frames)
    for number in range(len(objective.data.index("train"))):
        wave = torch.from_numpy(objective.data.recording("train", number).astype(np.float32)) / 32767
        clips = [wave[: objective.clip]]
        if len(wave) > objective.clip:
            clips = [wave[: objective.clip], wave[-objective.clip :]]
        for clip in clips:
            count = int(log_mel.count(torch.tensor([len(clip)])))
            padded = torch.nn.functional.pad(clip, (0, objective.clip - len(clip)))[None]
            values.append(log_mel(padded, torch.tensor([len(clip)]))[0, :count].flatten())
    sound = torch.cat(values).double()
    assert objective.mean == pytest.approx(sound.mean().item(), abs=2e-4)
    assert objective.std == pytest.approx(sound.std().item(), abs=5e-4)
    objective.export(tmp_path, objective.state_dict())
    extractor = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert (extractor["mean"], extractor["std"]) == (objective.mean, objective.std)
