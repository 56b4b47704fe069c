"""Random numbers of tasks differ between samples and between steps, and are repeatable."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.core.tasks.cases import objective_of
from tests.core.training.reference.jobs import CASES

VIEW = {"view/box"}
DRAWN: dict[str, set[str]] = {
    "masked_lm": {"inputs"},
    "masked_lm-features": {"inputs"},
    "masked_lm-apart": {"inputs"},
    "masked_lm-modernbert": {"inputs"},
    "causal_lm-apart": set(),
    "causal_lm-llama": set(),
    "text_denoising_autoencoder": {"inputs", "targets"},
    "rotation": set(),
    "masked_autoencoder": {"noise"} | VIEW,
    "joint_embedding_prediction": {"targets"} | VIEW,
    "contrastive": {"box", "jitter"},
    "dino": {"first.box", "second.box", "local.box"},
    "byol": {"first.box", "second.box"},
    "colorization": set(),
    "denoising_autoencoder": {"noise"},
    "dcgan": {"discriminator.latents", "generator.latents"},
    "resgan": {
        "discriminator.latents",
        "generator.latents",
        "real.augmentation",
        "discriminator.augmentation",
        "generator.augmentation",
    },
    "image_classification": VIEW | {"mix/view/box", "mix/share", "mix/images"},
    "image_classification-jepa": VIEW,
    "image_classification-resnet": VIEW,
    "text_classification": set(),
    "text_classification-modernbert": set(),
    "text_classification-gpt2": set(),
    "text_classification-llama": set(),
    "text_classification-t5": set(),
    "token_classification": set(),
    "token_classification-modernbert": set(),
    "token_classification-gpt2": set(),
    "token_classification-llama": set(),
    "token_classification-t5": set(),
    "audio_classification": {"waves"},
    "audio_classification-wav2vec2": {"waves", "change/gain"},
    "speech_recognition": {"masked", "change/speed"},
    "wav2vec2": {"waves", "masked", "negatives"},
    "masked_spectrogram": {"waves", "ranks"},
}
"""The random tensors of a batch, by task; none if the task has nothing random but dropout."""


def test_every_task_is_tested() -> None:
    assert DRAWN.keys() == CASES.keys()


@pytest.mark.parametrize("name", DRAWN)
def test_samples_and_steps_have_separate_random_numbers(
    name: str, request: pytest.FixtureRequest, cache: Path
) -> None:
    """The same content as two samples, and one sample at two steps."""
    # In a short row a denoiser cuts one span, which is at its end; in rows of this length there are several.
    task = {"corruption_rate": 0.5} if name == "text_denoising_autoencoder" else {}
    objective = objective_of(name, request, cache, task=task)
    samples = objective.samples("train")
    rows = samples.rows(np.full(4, longest(samples)))
    ids = np.array([5, 2, 0, 9])

    def drawn(key: int) -> dict[str, torch.Tensor]:
        tensors: dict[str, torch.Tensor] = objective.collate(rows, ids, key).tensors
        return {key: value.clone() for key, value in tensors.items()}

    first, again, other = drawn(11), drawn(11), drawn(12)
    assert all(torch.equal(tensor, again[key]) for key, tensor in first.items())
    for key in DRAWN[name]:
        # A short recording has so few possible masks that two samples may have equal ones by chance.
        apart = {tuple(row.flatten().tolist()) for row in first[key][:4]}
        assert len(apart) >= 3, f"{key}: samples are drawn alike"
        assert not same(first[key], other[key]), f"{key}: two steps are drawn alike"


def same(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and torch.equal(one, other)


def longest(samples: Any) -> int:
    """A recording that is longer than a clip; for other data, any sample."""
    lengths = (
        [row["length"] for row in samples.rows(np.arange(min(30, len(samples))))]
        if hasattr(samples, "groups")
        else [0]
    )
    return int(np.argmax(lengths))


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("dcgan", ("discriminator.latents", "generator.latents")),
        ("resgan", ("real.augmentation", "discriminator.augmentation", "generator.augmentation")),
        ("dino", ("first.box", "second.box", "local.box")),
        ("byol", ("first.box", "second.box")),
    ],
)
def test_several_uses_of_an_image_have_separate_random_numbers(
    name: str, kinds: tuple[str, ...], request: pytest.FixtureRequest, cache: Path
) -> None:
    """The two phases of a GAN, and all views of an image."""
    objective = objective_of(name, request, cache)
    ids = np.arange(3)
    tensors = objective.collate(objective.samples("train").rows(ids), ids, 4).tensors
    drawn = [part for kind in kinds for part in tensors[kind].split(3)]
    assert len(drawn) >= len(kinds)
    for image in range(3):
        assert len({tuple(part[image].flatten().tolist()) for part in drawn}) == len(drawn)


def test_a_masked_text_shows_other_tokens_at_every_step(request: pytest.FixtureRequest, cache: Path) -> None:
    """Over many steps all tokens of a row are predicted about equally often."""
    objective = objective_of("masked_lm", request, cache)
    ids = np.arange(4)
    rows = objective.samples("train").rows(ids)
    asked = np.zeros(rows.size, dtype=int)
    for key in range(300):
        batch = objective.collate(rows, ids, key)
        asked[batch.tensors["positions"][: batch.count].numpy()] += 1
    special = np.isin(rows.reshape(-1), objective.data.special_ids.all)
    assert not asked[special].any()
    assert 20 <= asked[~special].min() <= asked[~special].max() <= 80
