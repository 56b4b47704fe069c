"""Whole runs on images by the real engine: equal to the bit after interruptions, with metrics besides the loss."""

import signal
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.core.image_jobs import image_job, striped_images
from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points

HEALTH = {"health/rankme", "health/std", "health/uniformity", "health/alignment"}
PROBES = {"probe/knn_accuracy", "probe/linear_accuracy"}

JOBS: dict[str, dict[str, Any]] = {
    "masked_autoencoder": image_job("masked_autoencoder", decoder_layers=1),
    "joint_embedding_prediction": image_job("joint_embedding_prediction", predictor_layers=1),
    "rotation": image_job("rotation", model={"preset": "resnet-mini", "depths": [1, 1], "widths": [8, 16]}),
}


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return striped_images(tmp_path_factory.mktemp("images") / "stripes.zip")


@pytest.mark.parametrize("kind", JOBS)
def test_killed_and_stopped_runs_end_with_the_bits_of_an_uninterrupted_run(
    kind: str, pretrain: Any, images: Path, tmp_path: Path
) -> None:
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert pretrain(JOBS[kind], straight, data=images).end() == {"exit": 0}
    killed_at_three_random_steps(pretrain, JOBS[kind], broken, data=images)
    assert hashes(broken, 12) == hashes(straight, 12)
    assert len(hashes(straight, 12)) == 3
    assert points(broken) == points(straight)
    measured = {name for step, name in points(straight) if step == 8}
    assert measured >= HEALTH | PROBES | {"eval/loss", "train/loss"}


def test_a_collapse_is_reported_and_pauses_the_run_if_the_spec_says_so(
    pretrain: Any, images: Path, tmp_path: Path
) -> None:
    job = image_job(
        "joint_embedding_prediction",
        predictor_layers=1,
        # A moving average without delay and far too high a rate: the features of all images become equal.
        momentum=0.0,
        training={
            "steps": 400,
            "optimizer": {"kind": "adamw", "learning_rate": 1.0, "weight_decay": 1.0},
            # The second run has fewer steps, and its rate does not decay earlier.
            "schedule": {"kind": "constant"},
            "gradient_clip": None,
            "evaluate_every": None,
            "probe_every": 10,
            "checkpoint_every": None,
            "on_collapse": "pause",
        },
    )
    engine = pretrain(job, tmp_path / "out", data=images)
    assert engine.end() == {"exit": 76}, engine.log.read_text()
    (finished,) = engine.of("finished")
    assert finished["reason"] == "paused"
    step = finished["step"]
    assert step % 10 == 0
    assert (tmp_path / "out" / f"step-{step:08d}" / "manifest.json").exists()
    (warning,) = engine.of("warning")
    assert warning["code"] == "representation_collapse"
    assert "learning_rate" in warning["message"]

    job["training"]["on_collapse"] = "warn"
    warned = pretrain(job, tmp_path / "warned", data=images)
    assert warned.until("warning")["code"] == "representation_collapse"
    assert warned.until("metrics", step + 1)  # and it continues
    warned.signal(signal.SIGTERM)
    assert warned.end() == {"exit": 75}


def test_the_best_checkpoint_may_be_the_one_with_the_best_probe(
    pretrain: Any, images: Path, tmp_path: Path
) -> None:
    job = image_job("rotation", training={"evaluate_every": 3, "steps": 9})
    job["training"]["retention"] = {"keep_last": 1, "keep_best": "probe/linear_accuracy"}
    job["training"]["schedule"]["warmup_steps"] = 1
    out = tmp_path / "out"
    assert pretrain(job, out, data=images).end() == {"exit": 0}
    scores = {step: value for (step, name), value in points(out).items() if name == "probe/linear_accuracy"}
    best = max(scores, key=lambda step: (scores[step], step))
    kept = {int(path.name.removeprefix("step-")) for path in out.glob("step-*")}
    assert kept == {best, 9}


def test_images_without_classes_have_health_and_no_probes(pretrain: Any, tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    folder.mkdir()
    from PIL import Image  # noqa: PLC0415 - only here

    dice = np.random.default_rng(0)
    for number in range(40):
        pixels = dice.integers(0, 256, (16, 16), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")
    job = image_job("masked_autoencoder", decoder_layers=1, training={"steps": 2, "checkpoint_every": None})
    out = tmp_path / "out"
    assert pretrain(job, out, data=folder).end() == {"exit": 0}
    names = {name for _, name in points(out)}
    assert names >= HEALTH
    assert not names & PROBES


def test_bad_images_are_named_and_the_others_are_used(pretrain: Any, images: Path, tmp_path: Path) -> None:
    archive = tmp_path / "some.zip"
    archive.write_bytes(images.read_bytes())
    with zipfile.ZipFile(archive, "a") as file:
        for name in ("a.jpg", "b.png"):
            file.writestr(f"lying/{name}", b"no picture")
    job = image_job("rotation", training={"steps": 1, "schedule": {"kind": "constant"}})
    refused = pretrain(job, tmp_path / "refused", data=archive)
    assert refused.end() == {"exit": 65}
    (failed,) = refused.of("failed")
    assert failed["code"] == "too_many_bad_samples"
    assert "2 of 98 images" in failed["message"]
    assert "some.zip (lying/a.jpg)" in failed["message"]
    assert "data.on_bad_sample" in failed["hint"]

    job["data"]["on_bad_sample"] = "skip"
    engine = pretrain(job, tmp_path / "out", data=archive)
    assert engine.end() == {"exit": 0}
    (prepared,) = engine.of("prepared")
    assert (prepared["bad"], prepared["images"] + prepared["images_held_out"]) == (2, 96)
    assert [one["sample"] for one in prepared["skipped"]] == [
        "some.zip (lying/a.jpg)",
        "some.zip (lying/b.png)",
    ]
    assert "2 that cannot be used left out" in engine.log.read_text()


def test_classes_of_one_image_each_are_accepted(pretrain: Any, images: Path, tmp_path: Path) -> None:
    """Some classes are only in the training split, some only in the held-out split."""
    archive = tmp_path / "own.zip"
    with zipfile.ZipFile(images) as there, zipfile.ZipFile(archive, "w") as file:
        for number, name in enumerate(there.namelist()[:20]):
            file.writestr(f"class {number}/x.png", there.read(name))
    job = image_job("rotation", training={"steps": 4, "checkpoint_every": None})
    out = tmp_path / "out"
    assert pretrain(job, out, data=archive).end() == {"exit": 0}
    values = {name: value for (_, name), value in points(out).items() if name in PROBES}
    assert values == dict.fromkeys(PROBES, 0.0), "nobody can know a class that was never seen"
