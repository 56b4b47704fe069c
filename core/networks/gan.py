"""The generator and the discriminator of a GAN: created, saved and loaded."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor
from transformers.utils.logging import disable_progress_bar

from core.networks import image_generator
from core.networks.discriminator import ConvolutionalDiscriminator, ResidualDiscriminator
from core.networks.image_generator import ImageGenerator, ImageGeneratorConfig
from core.randomness import derive_seed

Discriminator = ConvolutionalDiscriminator | ResidualDiscriminator


def create_generator(
    network: str, width: int, seed: int, *, latent_size: int, side: int, channels: int
) -> ImageGenerator:
    """A new generator on the CPU. Its weights depend only on these arguments."""
    config = ImageGeneratorConfig(
        architectures=["ImageGenerator"],
        network=network,
        latent_size=latent_size,
        width=width,
        image_size=side,
        num_channels=channels,
        dtype="float32",
    )
    # `transformers` looks for the classes in the file that `save_generator` writes beside the weights.
    config.auto_map = {
        "AutoConfig": "image_generator.ImageGeneratorConfig",
        "AutoModel": "image_generator.ImageGenerator",
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        return ImageGenerator(config)


def create_discriminator(
    network: str, width: int, seed: int, *, side: int, channels: int, batch_norm: bool, spectral_norm: bool
) -> Discriminator:
    """A new discriminator on the CPU. Its weights depend only on these arguments.

    Args:
        batch_norm: For ``dcgan``; the residual discriminator has none.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation", "discriminator"))
        if network == "dcgan":
            return ConvolutionalDiscriminator(
                channels, side, width, normalise=batch_norm, spectral=spectral_norm
            )
        return ResidualDiscriminator(channels, side, width, spectral=spectral_norm)


def save_generator(model: ImageGenerator, weights: Mapping[str, Tensor], directory: Path) -> None:
    """Write ``weights`` into a folder for ``AutoModel.from_pretrained(folder, trust_remote_code=True)``.

    Args:
        weights: By the names in ``model.state_dict()``, on the CPU.
    """
    disable_progress_bar()  # type: ignore[no-untyped-call]
    model.save_pretrained(directory, state_dict=dict(weights))
    shutil.copyfile(image_generator.__file__, directory / "image_generator.py")
