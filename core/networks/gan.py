"""The generator and the discriminator of a GAN, created."""

import torch

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
    # `transformers` looks for the classes in the file that a checkpoint has beside the weights.
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
