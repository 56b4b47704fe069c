"""The metrics of each task: their names, which dashboards and ``keep_best`` use, and their definitions."""

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.spec.tasks import tasks_by_kind
from core.tasks.gan import objective as gan
from core.tasks.masked_lm import objective as masked_lm
from core.tasks.text_denoising_autoencoder import objective as denoising
from tests.core.tasks.cases import objective_of
from tests.core.training.reference.jobs import CASES

_TEXT = {"loss", "perplexity", "bits_per_byte"}
_MASKED = _TEXT | {"masked_accuracy", "unigram_entropy"}
_MACRO = {f"macro_{name}" for name in ("f1", "precision", "recall")}
_CLASSES = {"loss", "accuracy", "micro_f1", "calibration_error"} | _MACRO
_TAGS = {
    "loss",
    "word_accuracy",
    *(f"entity_{name}" for name in ("f1", "precision", "recall", "macro_f1", "strict_f1")),
}
NAMES: dict[str, set[str]] = {
    "masked_lm": _MASKED,
    "masked_lm-features": _MASKED | {"feature_loss"},
    "masked_lm-apart": _MASKED,
    "masked_lm-modernbert": _MASKED,
    "causal_lm-apart": _TEXT,
    "causal_lm-llama": _TEXT,
    "text_denoising_autoencoder": _TEXT,
    "rotation": {"loss", "rotation_accuracy"},
    "masked_autoencoder": {"loss"},
    "joint_embedding_prediction": {"loss"},
    "contrastive": {"loss", "contrastive_accuracy"},
    "dino": {"loss", "teacher_entropy", "prototype_entropy"},
    "byol": {"loss", "target_spread"},
    "colorization": {"loss", "colour_error", "grey_error"},
    "denoising_autoencoder": {"loss", "clean_loss", "mean_colour_loss"},
    "dcgan": {"real_score", "generated_score", "discriminator_accuracy", "frechet_distance_label_cnn"},
    "resgan": {"real_score", "generated_score", "discriminator_accuracy", "frechet_distance_label_cnn"},
    "image_classification": _CLASSES,
    "image_classification-jepa": _CLASSES,
    "image_classification-resnet": _CLASSES,
    "text_classification": _CLASSES,
    "text_classification-modernbert": _CLASSES - {"accuracy"}
    | {"micro_precision", "micro_recall", "exact_match"},
    "text_classification-gpt2": {"loss", "mean_absolute_error", "r2", "pearson", "spearman"},
    "text_classification-llama": _CLASSES,
    "text_classification-t5": _CLASSES,
    "token_classification": _TAGS,
    "token_classification-modernbert": _TAGS,
    "token_classification-gpt2": _TAGS,
    "token_classification-llama": _TAGS,
    "token_classification-t5": _TAGS,
    "audio_classification": _CLASSES,
    "audio_classification-wav2vec2": _CLASSES,
    "speech_recognition": {"loss", "wer", "cer"},
    "wav2vec2": {"loss", "contrastive_accuracy", "codebook_perplexity"},
    "masked_spectrogram": {"loss"},
}
IDS = np.arange(6)


@pytest.fixture(autouse=True)
def _no_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gan, "train_classifier", lambda network, samples, labels: None)


@torch.no_grad()
def measured(objective: Any, size: int = 6) -> dict[str, float]:
    objective.eval()
    found: dict[str, float] = objective.evaluate(objective.samples("held_out"), IDS, size)
    return found


@pytest.mark.parametrize("name", CASES)
def test_metrics_have_their_standard_names(name: str, request: pytest.FixtureRequest, cache: Path) -> None:
    values = measured(objective_of(name, request, cache))
    # The area under the ROC curve is defined only where the six samples are of several classes.
    assert values.keys() - {"eval/auroc"} == {f"eval/{one}" for one in NAMES[name]}
    assert all(math.isfinite(value) for value in values.values())


@pytest.mark.parametrize("name", CASES)
def test_every_logged_metric_is_listed_by_the_task(
    name: str, request: pytest.FixtureRequest, cache: Path
) -> None:
    """In evaluation and training: every logged metric has a title, and every metric that all jobs measure is logged."""
    objective = objective_of(name, request, cache)
    held_out = {one.removeprefix("eval/") for one in measured(objective)}
    objective.train()
    batch = objective.collate(objective.samples("train").rows(IDS), IDS, 1)
    trained = {"loss"}.union(*(phase.forward(batch).named for phase in objective.phases()))
    for area, names in (("eval", held_out), ("train", trained)):
        described = {
            one.name: one.always
            for one in tasks_by_kind()[CASES[name].document["task"]["kind"]].metrics
            if area in one.areas
        }
        assert names <= described.keys()
        assert {one for one, always in described.items() if always} <= names


def test_unigram_entropy_is_that_of_the_tokens_that_are_asked_for(
    request: pytest.FixtureRequest, cache: Path
) -> None:
    objective = objective_of("masked_lm", request, cache)
    rows = objective.samples("held_out").rows(IDS)
    batch = objective._collate(rows, IDS, masked_lm._EVALUATION_KEY, masked_lm.EVALUATION)
    counts = Counter(batch.tensors["targets"][: batch.count].tolist())
    shares = [count / batch.count for count in counts.values()]
    expected = -sum(share * math.log(share) for share in shares)
    assert measured(objective, 4)["eval/unigram_entropy"] == pytest.approx(expected)


def test_bits_per_byte_of_a_denoiser_are_those_of_the_hidden_text(
    request: pytest.FixtureRequest, cache: Path
) -> None:
    """The whole loss, divided by the bytes of the hidden tokens; sentinels are no text."""
    objective = objective_of("text_denoising_autoencoder", request, cache)
    rows = objective.samples("held_out").rows(IDS)
    batch = objective._collate(rows, IDS, denoising._EVALUATION_KEY, denoising.EVALUATION_DENOISING)
    targets = batch.tensors["targets"]
    values = measured(objective, 4)
    held_out = objective.data.held_out
    whole = values["eval/loss"] * targets.numel()
    cut = denoising.EVALUATION_DENOISING.noise(rows.shape[1] - 1)[0] * len(IDS)
    expected = whole / cut / math.log(2) * held_out.tokens / held_out.text_bytes
    assert values["eval/bits_per_byte"] == pytest.approx(expected, rel=1e-5)
    sentinels = int(np.isin(targets.numpy(), objective._sentinel_ids).sum())
    assert targets.numel() == cut + sentinels + len(IDS), "and an end a row"


@torch.no_grad()
def test_dinos_entropies_tell_both_collapses(
    request: pytest.FixtureRequest, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = objective_of("dino", request, cache)
    outputs = objective.task.prototypes
    objective.centre.zero_()
    for weight in objective.teacher_head.perceptron.parameters():
        weight.zero_()
    # Zero features are equally near to every prototype: all prototypes for all images.
    values = measured(objective)
    assert values["eval/teacher_entropy"] == pytest.approx(math.log(outputs), rel=1e-4)
    assert values["eval/prototype_entropy"] == pytest.approx(math.log(outputs), rel=1e-4)
    # One prototype for all images.
    objective.centre.fill_(50.0)
    objective.centre[3] = 0.0
    values = measured(objective)
    assert values["eval/teacher_entropy"] == pytest.approx(0.0, abs=1e-4)
    assert values["eval/prototype_entropy"] == pytest.approx(0.0, abs=1e-4)
    # No collapse: each view has its own prototype with high probability.
    objective.centre.zero_()
    monkeypatch.setattr(objective.teacher_head, "forward", lambda seen: 50.0 * torch.eye(len(seen), outputs))
    values = measured(objective)
    assert values["eval/teacher_entropy"] == pytest.approx(0.0, abs=1e-4)
    assert values["eval/prototype_entropy"] == pytest.approx(math.log(2 * len(IDS)), rel=1e-4)


@torch.no_grad()
def test_the_spread_of_byol_is_0_if_all_targets_are_equal(
    request: pytest.FixtureRequest, cache: Path
) -> None:
    objective = objective_of("byol", request, cache)
    assert 0.05 < measured(objective)["eval/target_spread"] < 2.0
    last = objective.teacher_head[-1]
    last.weight.zero_()
    last.bias.fill_(1.0)
    assert measured(objective)["eval/target_spread"] == pytest.approx(0.0, abs=1e-5)


@torch.no_grad()
def test_a_discriminators_accuracy_is_the_mean_over_both_kinds(
    request: pytest.FixtureRequest, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = objective_of("dcgan", request, cache)
    given = iter([torch.tensor([1.0, -2.0, 3.0, 4.0]), torch.tensor([-1.0, 5.0, 6.0, 7.0])] * 2)
    monkeypatch.setattr(objective.discriminator, "forward", lambda images: next(given))
    objective.eval()
    values = objective.evaluate(objective.samples("held_out"), np.arange(4), 4)
    assert values["eval/real_score"] == pytest.approx(1.5)
    assert values["eval/generated_score"] == pytest.approx(4.25)
    assert values["eval/discriminator_accuracy"] == pytest.approx((3 / 4 + 1 / 4) / 2)


@torch.no_grad()
def test_an_autoencoder_is_measured_on_damaged_and_on_whole_images(
    request: pytest.FixtureRequest, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objective = objective_of("denoising_autoencoder", request, cache)
    rows = objective.samples("held_out").rows(IDS)
    clean = objective.normalised(objective.pixels(rows))
    monkeypatch.setattr(objective, "rebuild", lambda images: images)  # the identity function
    values = measured(objective, 4)
    assert values["eval/loss"] == pytest.approx(objective.task.noise_level**2, rel=0.1), "the noise itself"
    assert values["eval/clean_loss"] == 0.0
    assert values["eval/mean_colour_loss"] == pytest.approx(clean.square().mean().item(), rel=1e-5)


@torch.no_grad()
def test_code_words_in_use_are_counted_over_the_whole_evaluation(
    request: pytest.FixtureRequest, cache: Path
) -> None:
    objective = objective_of("wav2vec2", request, cache)
    objective.model.quantizer.weight_proj.weight.zero_()
    objective.model.quantizer.weight_proj.bias.zero_()
    objective.model.quantizer.weight_proj.bias[2] = objective.model.quantizer.weight_proj.bias[12 + 5] = 9.0
    values = measured(objective, 2)
    assert values["eval/codebook_perplexity"] == pytest.approx(2.0), "one word of each of two codebooks"
