"""I-JEPA's task against its formula."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoModel

from core.commands.preview import preview_step
from core.networks.ijepa import take
from core.spec.problems import SpecError, validate
from core.tasks.joint_embedding_prediction.block_masks import draw_blocks
from core.tasks.joint_embedding_prediction.spec import JointEmbeddingPrediction
from tests.core.image_jobs import create, image_job, step_batch, striped_images

TASK = JointEmbeddingPrediction()


@pytest.mark.parametrize("side", [4, 7, 8, 14])
def test_blocks_are_blocks_and_the_context_never_shows_a_target(side: int) -> None:
    ids = np.arange(40)
    for key in range(12):
        blocks = draw_blocks(TASK, ids, key, side)
        assert blocks.targets.shape[:2] == (40, 4)
        for shown, present, targets in zip(blocks.context, blocks.present, blocks.targets, strict=True):
            own = set(shown[present])
            assert len(own) == present.sum() >= 1
            for target in targets:
                rows, columns = np.divmod(target, side)
                height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
                assert len(set(target)) == height * width == len(target)
                # Sides are rounded to whole patches, so each is at most half a patch off.
                area = side**2
                assert (height - 0.5) ** 2 <= area * 0.2 * 1.5
                assert (height + 0.5) * (width + 0.5) >= area * 0.15
                assert (height - 0.5) * (width - 0.5) <= area * 0.2
            covered = set(targets.flatten())
            assert not own & covered or len(own) == 1
            # The context block is nearly the whole grid: the context is what no target covers, less a margin.
            assert len(own) >= side**2 - len(covered) - 2 * side


def test_the_blocks_of_a_sample_do_not_depend_on_its_batch() -> None:
    ids = np.array([5, 3, 11])
    whole, alone = draw_blocks(TASK, ids, 9, 8), draw_blocks(TASK, ids[1:2], 9, 8)
    assert np.array_equal(whole.targets[1], alone.targets[0])
    assert np.array_equal(whole.context[1][whole.present[1]], alone.context[0][alone.present[0]])
    assert not np.array_equal(draw_blocks(TASK, ids, 10, 8).targets, whole.targets)


def test_a_completely_covered_context_keeps_one_patch() -> None:
    everything = JointEmbeddingPrediction(target_scale=(1.0, 1.0), target_aspect_ratio=(1.0, 1.0))
    blocks = draw_blocks(everything, np.arange(3), 0, 4)
    assert blocks.present.sum(axis=1).tolist() == [1, 1, 1]


def reference(objective: Any, batch: Any) -> torch.Tensor:
    """Each image by itself, without padding, each block predicted by itself."""
    total = torch.zeros(())
    tensors = batch.tensors
    for number in range(batch.samples):
        pixels = (
            tensors["images"][number : number + 1].permute(0, 3, 1, 2) / 255 - objective.mean
        ) / objective.std
        shown = tensors["context"][number][tensors["present"][number]]
        with torch.no_grad():
            truth = objective.encoder(pixels).last_hidden_state[0]
            truth = (truth - truth.mean(1, keepdim=True)) / (
                truth.var(1, unbiased=False, keepdim=True) + 1e-5
            ).sqrt()
        hidden = objective.student.embeddings(pixels)[:, shown]
        for layer in objective.student.layers:
            hidden = layer(hidden)
        context = objective.student.layernorm(hidden)
        predictor = objective.predictor
        for block in tensors["targets"][number]:
            seen = predictor.embed(context) + predictor.positions[shown]
            asked = (predictor.mask_token + predictor.positions[block])[None]
            hidden = torch.cat([seen, asked], 1)
            for layer in predictor.layers:
                hidden = layer(hidden)
            predicted = predictor.project(predictor.norm(hidden))[0, len(shown) :]
            for place, patch in enumerate(block):
                total = total + ((predicted[place] - truth[patch]) ** 2).sum() / truth.shape[1]
    return total


@pytest.mark.parametrize(
    ("batch", "channels", "size", "patch"), [(3, 3, 16, 4), (1, 1, 15, 3), (2, 1, 20, 4)]
)
def test_loss_and_gradient_are_the_formulas(
    batch: int, channels: int, size: int, patch: int, tmp_path: Path
) -> None:
    document = image_job(
        "joint_embedding_prediction",
        predictor_layers=1,
        random_crop=False,
        model={"patch_size": patch, "dropout": 0.0},
        data={"image": {"size": size, "channels": channels}},
    )
    archive = striped_images(tmp_path / "images.zip", count=24)
    _, _, objective = create(document, archive, tmp_path / "cache")
    objective.encoder.layers[0].mlp.fc1.weight.mul_(1.5)  # teacher and student begin alike
    ids = np.arange(batch)
    made = objective.collate(objective.samples("train").rows(ids), ids, key=5)
    losses = objective(made)
    losses.total.backward()
    found = {name: p.grad.clone() for name, p in objective.named_parameters() if p.grad is not None}
    objective.zero_grad(set_to_none=True)
    expected = reference(objective, made)
    expected.backward()
    assert made.count == made.tensors["targets"].numel()
    assert losses.total.item() == pytest.approx(expected.item(), rel=1e-5)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, objective.get_parameter(name).grad, rtol=1e-3, atol=1e-4)
    trained = {name for name, p in objective.named_parameters() if p.requires_grad}
    assert set(found) == trained
    assert not any(name.startswith("encoder.") for name in trained)


def test_the_moving_average_follows_the_student(tmp_path: Path) -> None:
    archive = striped_images(tmp_path / "images.zip", count=24)
    document = image_job("joint_embedding_prediction", momentum=0.9)
    _, _, objective = create(document, archive, tmp_path / "cache")
    with torch.no_grad():
        objective.student.layernorm.weight.fill_(3.0)
    objective.after_step(6)  # of 12: half of the way from 0.9 to 1
    assert torch.allclose(objective.encoder.layernorm.weight, torch.tensor(0.95 * 1 + 0.05 * 3))
    objective.after_step(12)
    assert torch.allclose(objective.encoder.layernorm.weight, torch.tensor(0.95 * 1 + 0.05 * 3))


def test_a_checkpoint_opens_and_is_restored_completely(tmp_path: Path) -> None:
    archive = striped_images(tmp_path / "images.zip", count=24)
    job, data, objective = create(image_job("joint_embedding_prediction"), archive, tmp_path / "cache")
    with torch.no_grad():
        for number, parameter in enumerate(objective.parameters()):
            parameter.add_(0.01 * (number % 7))
    objective.eval()
    folder = tmp_path / "folder"
    folder.mkdir()
    objective.export(folder, objective.state_dict())
    opened = AutoModel.from_pretrained(folder).eval()
    assert type(opened).__name__ == "IJepaModel"
    row = objective.samples("held_out").rows(np.array([0, 1]))
    pixels = objective.normalised(objective.pixels(row))
    torch.testing.assert_close(opened(pixels).last_hidden_state.mean(1), objective.encode(row))
    fresh = type(objective).create(job, data)
    fresh.restore(folder)
    state = objective.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in fresh.state_dict().items())


def test_a_preview_shows_the_context_and_the_targets_of_the_step(tmp_path: Path) -> None:
    archive = striped_images(tmp_path / "images.zip", count=48)
    job, _, objective = create(image_job("joint_embedding_prediction"), archive, tmp_path / "cache")
    (shown,) = preview_step(objective, job.training, step=2, count=3)
    picture = np.array(Image.open(io.BytesIO(shown.content)))
    assert picture.shape == (2 + 6 * 66, 2 + 3 * 66, 3), "the image, its context, four targets"

    batch = step_batch(objective, job.training, 2)
    tensors = batch.tensors
    crops = objective._crops.cut(tensors["images"], tensors).mul(255).permute(0, 2, 3, 1).numpy()
    for number in range(3):
        seen = [set(tensors["context"][number][tensors["present"][number]].tolist())]
        seen += [set(block) for block in tensors["targets"][number].tolist()]
        left = 2 + 66 * number
        image, *others = (picture[2 + 66 * row : 66 + 66 * row : 4, left : left + 64 : 4] for row in range(6))
        assert np.abs(image - crops[number]).max() <= 0.51
        for tile, patches in zip(others, seen, strict=True):
            shows = np.array([patch in patches for patch in range(16)])
            shows = shows.reshape(4, 4).repeat(4, 0).repeat(4, 1)
            assert (tile[shows] == image[shows]).all()
            assert (tile[~shows] == 128).all()


def test_patches_are_gathered_in_order() -> None:
    tokens = torch.arange(24.0).view(2, 4, 3)
    chosen = torch.tensor([[3, 0], [1, 1]])
    assert torch.equal(take(tokens, chosen), torch.stack([tokens[0, [3, 0]], tokens[1, [1, 1]]]))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_scale": [0.5, 0.2]}, "from the smaller to the larger"),
        ({"context_scale": [0.5, 1.5]}, "at most 1"),
        ({"model": {"patch_size": 8}}, "too few for blocks"),
        ({"predictor_hidden_size": 18}, "must be a multiple of 4"),
    ],
)
def test_an_invalid_spec_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        validate(image_job("joint_embedding_prediction", **changes))
