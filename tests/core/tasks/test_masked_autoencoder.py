"""MAE's task against its formula."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModel, AutoModelForPreTraining

from core.commands.preview import preview_step
from core.spec.problems import SpecError, validate
from tests.core.image_jobs import create, image_job, step_batch, striped_images


def reference(objective: Any, pixels: Any, noise: Any) -> tuple[torch.Tensor, int]:
    """The squared error of each removed patch's values, patch by patch, and the number of removed patches."""
    config = objective.model.config
    side, patch = config.image_size // config.patch_size, config.patch_size
    kept = int(side**2 * (1 - config.mask_ratio))
    total, count = torch.zeros(()), 0
    for image, numbers in zip(pixels, noise, strict=True):
        order = sorted(range(side**2), key=lambda number: numbers[number].item())
        predicted = objective.model(image[None], noise=numbers[None]).logits[0]
        for number in order[kept:]:
            row, column = divmod(number, side)
            part = image[:, row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
            truth = torch.stack([part[:, y, x] for y in range(patch) for x in range(patch)]).flatten()
            if config.norm_pix_loss:
                mean = truth.sum() / len(truth)
                variance = ((truth - mean) ** 2).sum() / (len(truth) - 1)
                truth = (truth - mean) / (variance + 1e-6) ** 0.5
            total = total + ((predicted[number] - truth) ** 2).sum() / len(truth)
            count += 1
    return total, count


@pytest.mark.parametrize(
    ("batch", "channels", "size", "patch", "normalise", "ratio"),
    [(3, 3, 16, 4, True, 0.75), (1, 1, 15, 5, False, 0.6), (2, 3, 9, 3, True, 0.5)],
)
def test_loss_and_gradient_are_the_formulas(
    batch: int, channels: int, size: int, patch: int, *, normalise: bool, ratio: float, tmp_path: Path
) -> None:
    document = image_job(
        "masked_autoencoder",
        mask_ratio=ratio,
        normalize_patches=normalise,
        decoder_layers=1,
        random_crop=False,
        model={"patch_size": patch, "dropout": 0.0},
        data={"image": {"size": size, "channels": channels}},
    )
    archive = striped_images(tmp_path / "images.zip", count=24)
    _, _, objective = create(document, archive, tmp_path / "cache")
    ids = np.arange(batch)
    made = objective.collate(objective.samples("train").rows(ids), ids, key=5)
    losses = objective(made)
    losses.total.backward()
    found = {name: p.grad.clone() for name, p in objective.named_parameters() if p.grad is not None}
    objective.zero_grad(set_to_none=True)
    pixels = (made.tensors["images"].permute(0, 3, 1, 2) / 255 - objective.mean) / objective.std
    expected, count = reference(objective, pixels, made.tensors["noise"])
    expected.backward()
    assert made.count == count
    assert losses.total.item() == pytest.approx(expected.item(), rel=1e-5)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, objective.get_parameter(name).grad, rtol=1e-3, atol=1e-4)
    assert set(found) == {n for n, p in objective.named_parameters() if p.requires_grad}


def test_masks_and_crops_depend_on_the_sample_alone(tmp_path: Path) -> None:
    archive = striped_images(tmp_path / "images.zip", count=48)
    _, _, objective = create(image_job("masked_autoencoder"), archive, tmp_path / "cache")
    samples = objective.samples("train")
    ids = np.array([4, 1, 9, 7])
    whole = objective.collate(samples.rows(ids), ids, key=5)
    part = objective.collate(samples.rows(ids[2:]), ids[2:], key=5)
    assert set(whole.tensors) > {"images", "noise"}  # crops too
    for name, tensor in part.tensors.items():
        assert torch.equal(tensor, whole.tensors[name][2:]), name
    other = objective.collate(samples.rows(ids), ids, key=6)
    assert not torch.equal(other.tensors["noise"], whole.tensors["noise"])


@pytest.mark.parametrize("channels", [1, 3])
def test_both_folders_open_in_the_ecosystem(channels: int, tmp_path: Path) -> None:
    document = image_job("masked_autoencoder", data={"image": {"size": 16, "channels": channels}})
    archive = striped_images(tmp_path / "images.zip", count=24)
    job, data, objective = create(document, archive, tmp_path / "cache")
    objective.eval()
    folder = tmp_path / "folder"
    folder.mkdir()
    objective.export(folder, objective.state_dict())
    row = objective.samples("held_out").rows(np.array([0]))
    picture = Image.fromarray(row[0].squeeze())
    pixels = AutoImageProcessor.from_pretrained(folder)(picture, return_tensors="pt")["pixel_values"]

    encoder = AutoModel.from_pretrained(folder).eval()
    assert type(encoder).__name__ == "ViTModel"
    tokens = encoder(pixels).last_hidden_state
    torch.testing.assert_close(tokens[:, 1:].mean(1), objective.encode(row), rtol=1e-4, atol=1e-5)

    whole = AutoModelForPreTraining.from_pretrained(folder / "autoencoder").eval()
    assert type(whole).__name__ == "ViTMAEForPreTraining"
    noise = torch.rand(1, 16, generator=torch.Generator().manual_seed(0))
    predicted, _ = objective.predict(objective.normalised(objective.pixels(row)), noise)
    torch.testing.assert_close(whole(pixels, noise=noise).logits, predicted, rtol=1e-4, atol=1e-5)

    fresh = type(objective).create(job.model_copy(), data)
    for parameter in fresh.parameters():
        parameter.data.fill_(0.5)
    fresh.restore(folder)
    state = objective.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in fresh.state_dict().items())


def test_samples_show_original_mask_and_reconstruction(tmp_path: Path) -> None:
    archive = striped_images(tmp_path / "images.zip", count=24)
    _, _, objective = create(image_job("masked_autoencoder"), archive, tmp_path / "cache")
    samples = objective.samples("held_out")
    with torch.no_grad():
        (shown,) = objective.eval().show(samples, np.arange(2))
    picture = np.array(Image.open(io.BytesIO(shown.content)))
    assert shown.media_type == "image/png"
    # Three images a row, each pixel four by four, two pixels of white between.
    assert picture.shape == (2 + 2 * 66, 2 + 3 * 66, 3)
    first, masked = picture[2:66:4, 2:66:4], picture[2:66:4, 68:132:4]
    assert np.abs(first.astype(int) - samples.rows(np.arange(1))[0]).max() <= 1
    grey = np.rint(np.array(objective.data.mean) * 255)
    hidden = (np.abs(masked - grey) <= 1).all(axis=2).reshape(4, 4, 4, 4).all(axis=(1, 3))
    assert hidden.sum() == 12
    assert (masked == first).all(axis=2).reshape(4, 4, 4, 4).all(axis=(1, 3)).sum() >= 4


def test_a_preview_shows_the_crops_and_masks_of_the_step(tmp_path: Path) -> None:
    archive = striped_images(tmp_path / "images.zip", count=48)
    job, _, objective = create(image_job("masked_autoencoder"), archive, tmp_path / "cache")
    (shown,) = preview_step(objective, job.training, step=3, count=5)
    assert (shown.name, shown.media_type) == ("image_masked", "image/png")
    picture = np.array(Image.open(io.BytesIO(shown.content)))
    assert picture.shape == (2 + 2 * 66, 2 + 5 * 66, 3)

    # The inputs of the run's own networks at that step.
    masks: list[torch.Tensor] = []
    objective.model.vit.register_forward_hook(lambda _module, _given, out: masks.append(out.mask))
    batch = step_batch(objective, job.training, 3)
    with torch.no_grad():
        objective(batch)
    crops = objective._inputs(batch).mul(objective.std).add(objective.mean).mul(255).permute(0, 2, 3, 1)
    for number in range(5):
        tiles = [picture[top : top + 64 : 4, 2 + 66 * number : 66 + 66 * number : 4] for top in (2, 68)]
        assert np.abs(tiles[0] - crops[number].numpy()).max() <= 0.51
        hidden = masks[0][number].bool().numpy().reshape(4, 4).repeat(4, 0).repeat(4, 1)
        assert (tiles[1][hidden] == 128).all()
        assert (tiles[1][~hidden] == tiles[0][~hidden]).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mask_ratio": 0.95}, "leaves 0 of 16 patches"),
        ({"mask_ratio": 0.01, "model": {"patch_size": 16}}, "leaves 0 of 1 patches"),
        ({"decoder_hidden_size": 30}, "must be a multiple of 4"),
        ({"model": {"patch_size": 5}}, "do not fill"),
        ({"model": {"depths": [1]}}, "has no depths"),
    ],
)
def test_an_invalid_spec_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        validate(image_job("masked_autoencoder", **changes))
