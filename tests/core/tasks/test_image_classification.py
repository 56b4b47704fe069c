"""Image classification: what opens a checkpoint, what a run learns, which data are refused, and resuming to the bit."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import pipeline

from core.checkpoints.writer import copy_to_host
from core.data import DataError
from core.errors import EngineError
from core.evaluation.pictures import png
from core.networks.encoder import Encoder
from core.objectives.supervised import class_weights
from core.spec.estimate import estimate
from core.training.optimizers import create_optimizers
from tests.core.image_jobs import striped_images
from tests.core.tasks.image_tasks import RESNET, VIT, coloured_pictures, create
from tests.core.training.interruptions import hashes, killed_at_three_random_steps, points

SIDE = 16
FAMILIES: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "vit": ({}, VIT, SIDE),
    "jepa": ({"class_token": False}, VIT, SIDE),
    "resnet-small": ({}, RESNET, SIDE),
    "resnet": ({}, RESNET, 48),
    "mlp": ({}, {"preset": "mlp-mini", "widths": [16, 8]}, SIDE),
}
CLASSES = {
    "vit": "ViTForImageClassification",
    "jepa": "IJepaForImageClassification",
    "resnet-small": "SmallImageResNetForImageClassification",
    "resnet": "ResNetForImageClassification",
    "mlp": "ImagePerceptronForImageClassification",
}


def job(family: str = "vit", **changes: Any) -> dict[str, Any]:
    task, model, side = FAMILIES[family]
    return {
        "name": family,
        "task": {"kind": "image_classification", **task, **changes.pop("task", {})},
        "model": model | changes.pop("model", {}),
        "data": {"image": {"size": side}, "held_out_fraction": 0.25} | changes.pop("data", {}),
        "training": {"steps": 12, "batch_size": 8, "accumulation_steps": 2, "seed": 7, "precision": "fp32"}
        | changes.pop("training", {}),
        "resources": {"device": "cpu"},
    }


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


def archive(path: Path, members: dict[str, int]) -> Path:
    """A zip with so many different pictures in each folder; the folder "" is the root."""
    dice = np.random.default_rng(1)
    with zipfile.ZipFile(path, "w") as file:
        for folder, count in members.items():
            for number in range(count):
                content = png(dice.integers(0, 256, (SIDE, SIDE, 3)).astype(np.uint8))
                file.writestr(f"{folder}/{number}.png" if folder else f"{number}.png", content)
    return path


def taught(objective: Any, steps: int = 2) -> None:
    """Some steps of gradient descent, so that no weight is as it was initialised."""
    optimizer = torch.optim.SGD([p for p in objective.parameters() if p.requires_grad], lr=0.05)
    objective.train()
    samples = objective.samples("train")
    for step in range(steps):
        ids = np.arange(8) + step
        objective(objective.collate(samples.rows(ids), ids, step)).total.backward()
        optimizer.step()
        optimizer.zero_grad()
    objective.eval()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_checkpoint_answers_in_a_pipeline_with_the_names_of_the_classes(
    family: str, pictures: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    _, data, objective = create(job(family, task={"head_dropout": 0.5}), pictures, cache)
    taught(objective)
    folder = tmp_path / "folder"
    folder.mkdir()
    objective.export(folder, copy_to_host(objective.state_dict()))
    config = json.loads((folder / "config.json").read_text())
    assert config["architectures"] == [CLASSES[family]]
    assert config["id2label"] == {"0": "discs", "1": "squares"}
    classify = pipeline(
        "image-classification", str(folder), trust_remote_code=family in {"resnet-small", "mlp"}
    )
    assert type(classify.model).__name__ == CLASSES[family]
    rows = objective.samples("held_out").rows(np.arange(4))
    with torch.no_grad():
        scores = objective.scores(rows)
        opened = classify.model(objective.normalised(objective.pixels(rows))).logits
    assert torch.equal(opened, scores)
    for row, expected in zip(rows, scores.softmax(1), strict=True):
        answers = {one["label"]: one["score"] for one in classify(Image.fromarray(row))}
        assert [answers[name] for name in data.classes] == pytest.approx(expected.tolist(), abs=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_parameters_are_counted_without_the_network(family: str, pictures: Path, cache: Path) -> None:
    spec, data, objective = create(job(family), pictures, cache)
    assert estimate(spec, classes=len(data.classes)).parameters == objective.parameter_count
    unknown, known = estimate(spec), estimate(spec, classes=2)
    assert unknown.parameters > known.parameters, "without data the number of classes is bounded from above"


def test_it_learns(pretrain: Any, tmp_path: Path) -> None:
    spec = job(
        "resnet-small",
        training={"steps": 60, "batch_size": 16, "optimizer": {"learning_rate": 0.005}, "evaluate_every": 20},
    )
    images = striped_images(tmp_path / "images.zip", count=160)
    engine = pretrain(spec, tmp_path / "out", data=images)
    assert engine.end() == {"exit": 0}, engine.log.read_text()
    values = engine.of("finished")[0]["values"]
    assert values["eval/accuracy"] > 0.8
    assert values["eval/macro_f1"] > 0.8


def test_a_run_killed_at_three_random_steps_ends_in_the_straight_runs_bits(
    pretrain: Any, pictures: Path, tmp_path: Path
) -> None:
    spec = job(
        model={"dropout": 0.1},
        task={"mixup": 0.3, "label_smoothing": 0.1, "class_weights": "balanced", "head_dropout": 0.2},
        training={
            "log_every": 1,
            "evaluate_every": 4,
            "checkpoint_every": 2,
            "optimizer": {"layer_decay": 0.7},
        },
    )
    straight, broken = tmp_path / "straight", tmp_path / "broken"
    assert pretrain(spec, straight, data=pictures).end() == {"exit": 0}
    killed_at_three_random_steps(pretrain, spec, broken, data=pictures)
    assert hashes(broken, 12) == hashes(straight, 12)
    assert points(broken) == points(straight)
    assert not [name for _, name in points(straight) if name.startswith(("probe/", "health/"))]


def test_mixing_is_a_function_of_step_and_sample(pictures: Path, cache: Path) -> None:
    _, _, objective = create(job(task={"mixup": 0.4}), pictures, cache)
    samples, ids = objective.samples("train"), np.array([5, 2, 9])
    whole = objective.collate(samples.rows(ids), ids, 3).tensors
    alone = objective.collate(samples.rows(ids[1:2]), ids[1:2], 3).tensors
    for name, tensor in whole.items():
        assert torch.equal(tensor[1:2], alone[name]), name
    mixed = whole["mix/images"].numpy()
    assert any(np.array_equal(row, mixed[0]) for row in samples.rows(np.arange(len(samples))))


@pytest.mark.parametrize(("family", "decay"), [("vit", 0.5), ("resnet-small", 0.5), ("jepa", 0.5)])
def test_rates_decrease_from_the_head_to_the_embeddings(
    family: str, decay: float, pictures: Path, cache: Path
) -> None:
    model = {"layers": 3} if family != "resnet-small" else {"depths": [1, 2]}
    document = job(family, model=model, training={"optimizer": {"layer_decay": decay}})
    spec, _, objective = create(document, pictures, cache)
    (optimizer,) = create_optimizers(spec.training.optimizer, objective).values()
    rates = {
        id(parameter): group["rate"] for group in optimizer.param_groups for parameter in group["params"]
    }
    encoder: Encoder = objective.learned_encoder
    assert {rates[id(p)] for p in objective.model.classifier.parameters()} == {1.0}
    for place, block in enumerate(encoder.blocks):
        assert {rates[id(p)] for p in block.parameters()} == {decay ** (len(encoder.blocks) - place)}
    assert min(rates.values()) == decay ** (len(encoder.blocks) + 1)
    assert {id(p) for p in objective.parameters() if p.requires_grad} == set(rates)


def test_weights_of_classes() -> None:
    labels = np.array([0, 0, 0, 1])
    assert class_weights("none", ("a", "b"), labels) is None
    balanced = class_weights("balanced", ("a", "b"), labels)
    assert balanced is not None
    assert balanced.tolist() == pytest.approx([4 / 6, 4 / 2])
    assert balanced[torch.from_numpy(labels)].mean() == pytest.approx(1.0)
    earlier = class_weights("balanced", ("a", "before", "b"), np.where(labels == 1, 2, labels))
    assert earlier is not None
    assert earlier.tolist() == [balanced[0].item(), 1.0, balanced[1].item()]
    given = class_weights({"b": 0.25}, ("a", "b"), labels)
    assert given is not None
    assert given.tolist() == [1.0, 0.25]
    with pytest.raises(EngineError, match="'c', which is no class"):
        class_weights({"c": 1.0}, ("a", "b"), labels)


@pytest.mark.parametrize(
    ("members", "code", "said"),
    [
        ({"": 20}, "too_few_classes", "fewer than two"),
        ({"cats": 20}, "too_few_classes", "fewer than two"),
        (
            {"train/cats": 9, "train/dogs": 9, "test/cats": 3, "test/mice": 3},
            "unseen_classes",
            r"'mice' \(data.zip \(test/mice/\d.png\)\)",
        ),
        ({"train/cats": 9, "test/cats": 3, "test/mice": 3}, "too_few_classes", "only 'cats'"),
        (
            {"cats": 9, "dogs": 9, "": 2},
            "labels_missing",
            r"have no class, the first in data.zip \(\d.png\); data",
        ),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(
    members: dict[str, int], code: str, said: str, cache: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=said) as refused:
        create(job(), archive(tmp_path / "data.zip", members), cache / code)
    assert refused.value.code == code
    assert refused.value.hint


def test_samples_without_a_class_can_be_left_out(cache: Path, tmp_path: Path) -> None:
    path = archive(tmp_path / "data.zip", {"cats": 12, "dogs": 12, "": 12})
    _, data, objective = create(job(data={"on_missing_label": "skip"}), path, cache)
    parts = [objective.samples(split) for split in ("train", "held_out")]
    assert [(part.labels >= 0).all() for part in parts] == [True, True]
    assert sum(len(part) for part in parts) == 24
    ids = np.arange(len(parts[0]))
    batch = objective.collate(parts[0].rows(ids), ids, 1)
    assert torch.equal(batch.tensors["labels"], torch.from_numpy(parts[0].labels))
    assert data.train + data.held_out == 36
    with pytest.raises(DataError, match="samples with a class") as refused:
        parts[0].require(25)
    assert refused.value.code == "data_too_small"


def test_an_image_of_the_checkpoints_folder_is_read_as_in_training(
    pictures: Path, cache: Path, tmp_path: Path
) -> None:
    """The preprocessor gives the numbers that the network was trained on."""
    _, _, objective = create(job(), pictures, cache)
    objective.export(tmp_path, copy_to_host(objective.state_dict()))
    classify = pipeline("image-classification", str(tmp_path))
    row = objective.samples("train").rows(np.arange(1))[0]
    stream = io.BytesIO(png(row))
    seen = classify.image_processor(Image.open(stream), return_tensors="pt")["pixel_values"]
    torch.testing.assert_close(seen, objective.normalised(objective.pixels(row[None])), rtol=1e-4, atol=1e-4)
