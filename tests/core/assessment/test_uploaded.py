"""Evaluations of uploaded networks of images and audio on data with labels, with and without a head."""

import zipfile
from pathlib import Path

import pytest

from core.checkpoints.manifest import MANIFEST, Manifest, describe_files
from tests.core.assessment.conftest import Evaluate, measures
from tests.core.image_jobs import striped_images
from tests.core.published_networks import saved_network


def _uploaded(name: str, directory: Path) -> Path:
    saved_network(name, directory)
    manifest = Manifest(0, "0" * 64, "0" * 64, "2026-01-01T00:00:00Z", {}, describe_files(directory))
    (directory / MANIFEST).write_bytes(manifest.encode())
    return directory


@pytest.mark.parametrize("name", ["vit without biases", "resnet with bottlenecks", "ast with whole patches"])
def test_an_encoder_without_a_head_has_probes(
    name: str, tmp_path: Path, recordings: Path, assess: Evaluate
) -> None:
    """Whatever the classes of the data are called."""
    data = recordings if name.startswith("ast") else striped_images(tmp_path / "images.zip")
    report = assess(_uploaded(name, tmp_path / "step-00000000"), data)
    assert [section["name"] for section in report["sections"]] == ["probes"]
    assert set(measures(report, "probes")) == {"knn_accuracy", "linear_accuracy"}


def test_a_head_without_names_of_classes_has_those_that_transformers_gives_it(
    tmp_path: Path, assess: Evaluate
) -> None:
    images = striped_images(tmp_path / "images.zip")
    checkpoint = _uploaded("resnet", tmp_path / "step-00000000")
    assert "id2label" not in (checkpoint / "config.json").read_text()
    failed = assess(checkpoint, images)
    assert failed["code"] == "checkpoint_mismatch"
    assert "it tells apart 'LABEL_0', 'LABEL_1'" in failed["message"]
    named = tmp_path / "named.zip"
    with zipfile.ZipFile(images) as old, zipfile.ZipFile(named, "w") as new:
        for member in old.namelist():
            name = member.replace("lying", "LABEL_0").replace("standing", "LABEL_1")
            new.writestr(name, old.read(member))
    assert 0 <= measures(assess(checkpoint, named), "task")["accuracy"]["value"] <= 1
