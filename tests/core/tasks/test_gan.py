"""The GAN: its two phases, adaptive augmentation, and the classifier for the Fréchet distance."""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from core.augmentation.adaptive import augment
from core.data.image import ImageSamples
from core.evaluation.frechet import frechet_distance
from core.evaluation.label_classifier import LabelClassifier, to_signed, train_classifier
from tests.core.tasks.gradients import assert_same_gradients
from tests.core.tasks.image_tasks import coloured_pictures, create, image_job


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return coloured_pictures(tmp_path_factory.mktemp("pictures") / "pictures.zip")


def batch_of(objective: Any, count: int = 4) -> Any:
    ids = np.arange(count)
    return objective.collate(objective.samples("train").rows(ids), ids, 3)


@pytest.mark.parametrize("name", ["dcgan", "resgan"])
def test_each_phase_trains_one_network(name: str, pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job(name), pictures, cache)
    batch = batch_of(objective)
    for phase in objective.phases():
        objective.zero_grad(set_to_none=True)
        phase.forward(batch).total.backward()
        reached = {key.split(".")[0] for key, p in objective.named_parameters() if p.grad is not None}
        assert reached == set(phase.optimizers)
    assert [phase.optimizers for phase in objective.phases()] == [("discriminator",), ("generator",)]


def slow_losses(
    objective: Any, batch: Any, *, hinge: bool, penalised: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """The losses of discriminator and generator, one image at a time, each augmented by itself; R1 is multiplied by its
    interval (arXiv 1801.04406, equation 9)."""
    task, t = objective.task, batch.tensors

    def score(images: torch.Tensor, number: int, drawn: str) -> torch.Tensor:
        own = t.get(f"{drawn}.augmentation")
        if own is not None:
            images = augment(images, own[number : number + 1], objective.augmentation)
        return objective.discriminator(images)[0]

    discriminator = generator = torch.zeros(())
    for number in range(batch.samples):
        real = (t["images"][number].permute(2, 0, 1)[None].float() / 127.5 - 1).requires_grad_(penalised)
        high = score(real, number, "real")
        with torch.no_grad():
            made = objective.generator(t["discriminator.latents"][number : number + 1])
        low = score(made, number, "discriminator")
        again = score(objective.generator(t["generator.latents"][number : number + 1]), number, "generator")
        if hinge:
            discriminator = discriminator + (1 - high).clamp(min=0) + (1 + low).clamp(min=0)
            generator = generator - again
        else:
            discriminator = discriminator - torch.log(torch.sigmoid(high)) - torch.log(1 - torch.sigmoid(low))
            generator = generator - torch.log(torch.sigmoid(again))
        if penalised:
            (slope,) = torch.autograd.grad(high, real, create_graph=True)
            discriminator = discriminator + task.r1_weight / 2 * task.r1_every * (slope**2).sum()
    return discriminator, generator


@pytest.mark.parametrize(("batch", "size", "channels"), [(3, 16, 3), (1, 15, 1)])
@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("dcgan", {}),
        ("dcgan", {"r1_weight": 3.0, "r1_every": 1}),
        ("resgan", {}),
        ("resgan", {"r1_weight": 3.0, "r1_every": 4, "adaptive_augmentation": False}),
    ],
)
def test_losses_and_gradients_are_the_formulas(
    name: str,
    changes: dict[str, Any],
    batch: int,
    size: int,
    channels: int,
    pictures: Path,
    cache: Path,
) -> None:
    document = image_job(name, size=size, channels=channels)
    document["task"] = document["task"] | changes
    _, _, objective = create(document, pictures, cache)
    objective.eval()  # a batch norm depends on the whole batch, and the reference computes images one by one
    objective.augmentation.fill_(0.7)
    made = batch_of(objective, batch)
    for step in range(1, 5):
        penalised = objective.task.r1_weight > 0 and step % objective.task.r1_every == 0
        if step in {1, objective.task.r1_every}:
            discriminator, generator = slow_losses(
                objective, made, hinge=name == "resgan", penalised=penalised
            )
            found = objective.discriminator_losses(made)
            assert ("r1" in found.named) == penalised
            assert_same_gradients(objective.discriminator, found.total, discriminator)
            assert_same_gradients(objective.generator, objective.generator_losses(made).total, generator)
        objective.after_step(step)


def test_augmentation_is_adjusted_every_four_steps(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("resgan"), pictures, cache)  # from 0 to 1 within 50 images
    for step in range(1, 5):
        objective.signs += torch.tensor([8.0, 8.0])  # every real image scored above 0
        objective.after_step(step)
        assert objective.augmentation.item() == pytest.approx(0.64 if step == 4 else 0.0)
    for step in range(5, 9):
        objective.signs += torch.tensor([0.0, 2.0])  # as many below as above
        objective.after_step(step)
    assert objective.augmentation.item() == pytest.approx(0.64 - 0.16)
    assert not objective.signs.any()


def test_signs_of_real_scores_are_counted_only_in_training(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("resgan"), pictures, cache)
    batch = batch_of(objective)
    objective.eval()
    objective.discriminator_losses(batch)
    assert not objective.signs.any()
    objective.train()
    objective.discriminator_losses(batch)
    assert objective.signs[1] == 4
    assert abs(objective.signs[0]) <= 4


def test_the_averaged_generator_follows(pictures: Path, cache: Path) -> None:
    _, _, objective = create(image_job("dcgan"), pictures, cache)
    with torch.no_grad():
        for parameter in objective.generator.parameters():
            parameter.add_(1.0)
    before = {key: tensor.clone() for key, tensor in objective.averaged.state_dict().items()}
    objective.after_step(5)
    decay = 6 / 15
    live = objective.generator.state_dict()
    for key, tensor in objective.averaged.state_dict().items():
        if tensor.is_floating_point():
            torch.testing.assert_close(tensor, decay * before[key] + (1 - decay) * live[key])


def test_the_classifier_learns_the_classes_and_is_deterministic(pictures: Path, cache: Path) -> None:
    _, data, _ = create(image_job("dcgan"), pictures, cache)
    train, held_out = ImageSamples(data, "train"), ImageSamples(data, "held_out")
    judges = []
    for seed in (0, 1):
        torch.manual_seed(seed)
        judge = LabelClassifier(3, 2)
        before = torch.get_rng_state()
        train_classifier(judge, train, train.labels, steps=50)
        assert torch.equal(torch.get_rng_state(), before)
        judges.append(judge)
    pairs = zip(judges[0].state_dict().values(), judges[1].state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    known = to_signed(torch.from_numpy(train.rows(np.arange(len(train)))))
    right = (judges[0](known).argmax(dim=1).numpy() == train.labels).mean()
    assert right > 0.9

    own = judges[0].features(to_signed(torch.from_numpy(held_out.rows(np.arange(len(held_out))))))
    real, noise = judges[0].features(known), judges[0].features(torch.rand(16, 3, 16, 16) * 2 - 1)
    assert frechet_distance(own.numpy(), real.numpy()) < frechet_distance(own.numpy(), noise.numpy())


def test_images_without_classes_have_no_frechet_distance(cache: Path, tmp_path: Path) -> None:
    coloured_pictures(tmp_path / "with.zip")
    with (
        zipfile.ZipFile(tmp_path / "with.zip") as there,
        zipfile.ZipFile(tmp_path / "without.zip", "w") as flat,
    ):
        for name in there.namelist():
            flat.writestr(name.replace("/", "-"), there.read(name))
    _, data, objective = create(image_job("dcgan"), tmp_path / "without.zip", cache)
    assert data.classes == ()
    objective.eval()
    with torch.no_grad():
        values = objective.evaluate(objective.samples("held_out"), np.arange(4), 4)
    assert set(values) == {"eval/real_score", "eval/generated_score", "eval/discriminator_accuracy"}


@pytest.mark.parametrize("labelled", [0, 1, 2])
def test_a_classifier_can_be_trained_on_very_few_images(labelled: int, cache: Path, tmp_path: Path) -> None:
    """Classes of one image each, of which the training split has almost none."""
    coloured_pictures(tmp_path / "with.zip", count=8, side=8)
    with (
        zipfile.ZipFile(tmp_path / "with.zip") as there,
        zipfile.ZipFile(tmp_path / "few.zip", "w") as few,
    ):
        for number, name in enumerate(there.namelist()):
            folder = "test/" * (number < 4) + f"class {number}/" * (number < 4 + labelled)
            few.writestr(f"{folder}{number}.png", there.read(name))
    _, data, objective = create(image_job("dcgan", size=8), tmp_path / "few.zip", cache)
    assert np.count_nonzero(data.labels("train") >= 0) == labelled
    objective.eval()
    with torch.no_grad():
        values = objective.evaluate(objective.samples("held_out"), np.arange(4), 4)
    assert all(np.isfinite(value) for value in values.values())
    assert any("frechet" in name for name in values) == (labelled == 2)
