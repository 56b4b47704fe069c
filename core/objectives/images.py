"""Base classes of the image tasks' objectives: pixels normalised on the device, an encoder, its checkpoint folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from core.checkpoints.bundle import Bundle, Network, Tensors, write_json
from core.data import Prepared, Samples, SplitName
from core.data.image import ImageSamples, PreparedImages
from core.formats.published.names import PREPROCESSOR
from core.networks.encoder import Encoder
from core.networks.image_encoder import ImageEncoder
from core.networks.vision import save_preprocessor
from core.objectives.base import Objective
from core.randomness import derive_seed

CHECKPOINT_ADVICE = "Resume with the task, model and data.image that the checkpoint was trained with."


class ImageObjective(Objective):
    """A task on images."""

    mean: Tensor
    std: Tensor

    def __init__(self, data: PreparedImages) -> None:
        super().__init__()
        self.data = data
        self.side = data.height
        self.channels = data.channels
        self.register_buffer("mean", _per_channel(data.mean), persistent=False)
        # A channel without variation becomes zero; without this it would be divided by zero.
        self.register_buffer("std", _per_channel(data.std).clamp(min=1e-3), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return self.mean.device

    def samples(self, split: SplitName) -> Samples:
        return ImageSamples(self.data, split)

    def pixels(self, rows: NDArray[Any]) -> Tensor:
        """Bytes of shape (B, H, W, C) as a tensor (B, C, H, W) on the device, in 0 … 1."""
        return torch.from_numpy(np.ascontiguousarray(rows)).to(self.device).permute(0, 3, 1, 2) / 255

    def normalised(self, pixels: Tensor) -> Tensor:
        """Pixels in 0 … 1, scaled to mean 0 and standard deviation 1 over the training split, channel by channel."""
        return (pixels - self.mean) / self.std

    def denormalised(self, values: Tensor) -> Tensor:
        """The inverse of `normalised`."""
        return values * self.std + self.mean

    @property
    def input_statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and standard deviation of each input channel of the network, for pixels in 0 … 1."""
        return tuple(self.mean.flatten().tolist()), tuple(self.std.flatten().tolist())

    def save_preprocessor(self, directory: Path) -> None:
        """Write the image preprocessor's configuration."""
        if self.data.preprocessor is not None:
            write_json(directory / PREPROCESSOR, self.data.preprocessor)
            return
        mean, std = self.input_statistics
        save_preprocessor(directory, image_size=self.side, mean=mean, std=std)


class EncoderObjective(ImageObjective):
    """A task on images whose checkpoint opens as ``self.encoder``; all else is only for training."""

    def __init__(self, encoder: PreTrainedModel, data: PreparedImages) -> None:
        super().__init__(data)
        self.encoder = encoder

    @property
    def learned_encoder(self) -> Encoder:
        return ImageEncoder(self.encoder)

    def encode(self, rows: NDArray[Any]) -> Tensor | None:
        return self.learned_encoder.features(self.normalised(self.pixels(rows)))

    @property
    def bundle(self) -> Bundle:
        encoder = Network("encoder.", self.encoder, write_beside=self.save_preprocessor, published_names=True)
        return Bundle(networks=[encoder], tensors=[Tensors()], advice=CHECKPOINT_ADVICE)

    def compile_networks(self) -> None:
        self.encoder.compile()


@contextmanager
def initialising(seed: int, what: str) -> Iterator[None]:
    """Networks created inside this context have weights that depend on (seed, what) alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation", what))
        yield


def is_images(data: Prepared) -> TypeGuard[PreparedImages]:
    """Whether the prepared data are images."""
    return isinstance(data, PreparedImages)


def _per_channel(values: tuple[float, ...]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None, None]
