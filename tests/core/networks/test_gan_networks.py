"""Generators and discriminators of a GAN: shapes, parameter counts, and that the code in a checkpoint opens."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoModel

from core.checkpoints.bundle import Bundle, Network
from core.networks.discriminator import ConvolutionalDiscriminator, ResidualDiscriminator
from core.networks.gan import create_generator
from core.networks.image_generator import ImageGenerator
from core.spec.architectures import ARCHITECTURES
from core.spec.architectures.dcgan import DcganSize
from core.spec.architectures.gan import GanSize
from core.spec.architectures.resgan import ResGanSize
from tests.core.spec.network_inputs import network_inputs

SHAPES = [(32, 3), (28, 1), (9, 3), (17, 1), (64, 3)]


def generator(network: str, side: int, channels: int) -> ImageGenerator:
    return create_generator(network, 8, 0, latent_size=5, side=side, channels=channels)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize("network", ["dcgan", "resgan"])
@pytest.mark.parametrize(("side", "channels"), SHAPES)
def test_generators_make_images_and_their_parameters_are_counted(
    network: Any, side: int, channels: int
) -> None:
    made = generator(network, side, channels)
    for batch in (1, 2):
        images = made(torch.randn(batch, 5))
        assert images.shape == (batch, channels, side, side)
        assert images.abs().max() <= 1
    size = ARCHITECTURES[network].model_validate({"width": 8})
    assert isinstance(size, GanSize)
    inputs = network_inputs(image_size=side, channels=channels)
    assert parameters(made) == size.generator_parameters(inputs, latent_size=5)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize(("side", "channels"), SHAPES)
def test_dcgans_discriminator(side: int, channels: int, *, normalise: bool) -> None:
    network = ConvolutionalDiscriminator(channels, side, 8, normalise=normalise, spectral=False)
    assert network(torch.randn(2, channels, side, side)).shape == (2,)
    assert network.eval()(torch.randn(1, channels, side, side)).shape == (1,)
    inputs = network_inputs(image_size=side, channels=channels)
    counted = DcganSize(width=8).discriminator_parameters(inputs, batch_norm=normalise)
    assert counted == parameters(network)


@pytest.mark.parametrize("spectral", [True, False])
@pytest.mark.parametrize(("side", "channels"), SHAPES)
def test_the_residual_discriminator(side: int, channels: int, *, spectral: bool) -> None:
    network = ResidualDiscriminator(channels, side, 8, spectral=spectral)
    assert network(torch.randn(1, channels, side, side)).shape == (1,)
    inputs = network_inputs(image_size=side, channels=channels)
    counted = ResGanSize(width=8).discriminator_parameters(inputs, batch_norm=False)
    assert counted == parameters(network)


def test_spectral_norm_leaves_no_weight_a_singular_value_above_one() -> None:
    torch.manual_seed(0)
    network = ResidualDiscriminator(3, 16, 8, spectral=True).train()
    images = torch.randn(2, 3, 16, 16)
    for _ in range(50):  # one step of the power iteration per call
        network(images)
    weights = [m.weight for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(weights) == 3 * 2 + 1 + 1  # two convolutions a block, one shortcut that halves, the last layer
    for weight in weights:
        largest = torch.linalg.matrix_norm(weight.flatten(1), ord=2)
        assert largest.item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("network", ["dcgan", "resgan"])
def test_a_generator_opens_from_its_folder(
    network: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    made = generator(network, 12, 3)
    made.train()(torch.randn(4, 5))
    folder = tmp_path / "folder"
    folder.mkdir()
    Bundle([Network("", made)]).write(folder, made.state_dict())
    opened = AutoModel.from_pretrained(folder, trust_remote_code=True).eval()
    latents = torch.randn(3, 5)
    assert torch.equal(opened(latents), made.eval()(latents))
