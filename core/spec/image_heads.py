"""What image tasks add to their encoder for training, counted; a GAN has no encoder, and is counted whole."""

from core.spec.decoders import (
    count_autoencoder,
    count_decoder,
    count_projection,
    count_prototype_head,
)
from core.spec.gan_sizes import GanSize, count_discriminator, count_generator
from core.spec.task import TaskSpec
from core.tasks.colorization.spec import Colorization
from core.tasks.contrastive.spec import ContrastiveLearning
from core.tasks.denoising_autoencoder.spec import DenoisingAutoencoder
from core.tasks.gan.spec import GenerativeAdversarialNetwork
from core.tasks.self_distillation.spec import SelfDistillation

COLOUR_CLASSES = 261
"""Cells of `core.tasks.colorization.palette`."""


def head_parameters(task: TaskSpec, *, width: int, map_side: int, image_size: int, channels: int) -> int:
    """Trained numbers behind an encoder; averaged copies are not trained and do not count.

    Args:
        width: of the encoder's features.
        map_side: of its last map.
        channels: of one pixel.
    """
    if isinstance(task, DenoisingAutoencoder):
        return count_autoencoder(
            width, map_side, code_size=task.code_size, side=image_size, channels=channels
        )
    if isinstance(task, Colorization):
        outputs = COLOUR_CLASSES if task.target == "classes" else 2
        return count_decoder(width, map_side, max(map_side, -(-image_size // 2)), outputs)
    if isinstance(task, ContrastiveLearning):
        return count_projection(width, task.projection_hidden_size or width, task.projection_size)
    if isinstance(task, SelfDistillation):
        hidden, size = task.head_hidden_size, task.head_size
        if task.method == "dino":
            return count_prototype_head(width, hidden, size, task.prototypes)
        return count_projection(width, hidden, size) + count_projection(size, hidden, size)
    raise ValueError(f"{type(task).__name__} has no heads that are counted here")


def gan_parameters(
    task: GenerativeAdversarialNetwork, network: str, size: GanSize, *, image_size: int, channels: int
) -> int:
    """Trained numbers of both players."""
    generator = count_generator(
        network, size.width, latent_size=task.latent_size, side=image_size, channels=channels
    )
    discriminator = count_discriminator(
        network,
        size.width,
        side=image_size,
        channels=channels,
        batch_norm=task.has_batch_norm(network),
    )
    return generator + discriminator
