"""Base class of the audio tasks' objectives: clips of recordings as samples, and the checkpoint's network folder."""

import abc
from collections.abc import Sequence
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.augmentation.audio import augment, draw
from core.data import Prepared, Samples, SplitName
from core.data.audio import AudioSamples, PreparedAudio, cut
from core.networks.encoder import Encoder, mean_of
from core.objectives.base import Batch, Objective
from core.randomness import derive_seed, uniforms
from core.spec.audio import AudioAugmentation
from core.spec.job import JobSpec

CHECKPOINT_ADVICE = (
    "Resume with the model, the task's settings and data.audio that the checkpoint was trained with."
)
_CHANGE = "change/"


class AudioObjective(Objective):
    """An audio task with one network, ``self.model``, whose samples are clips."""

    model: nn.Module

    def __init__(self, job: JobSpec, data: PreparedAudio, augmentation: AudioAugmentation) -> None:
        super().__init__()
        self.data = data
        self.clip = job.clip_samples
        self.augmentation = augmentation

    def samples(self, split: SplitName) -> Samples:
        return AudioSamples(self.data, split, self.clip)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.model.parameters()).device

    def clips(
        self, rows: NDArray[Any], samples: NDArray[np.int64], key: int, augmentation: AudioAugmentation | None
    ) -> tuple[dict[str, Tensor], NDArray[np.int64]]:
        """Tensors for `waves`, and the number of samples of each clip that are sound and not padding, shape (B,).

        Args:
            augmentation: None for evaluation, where the start of each clip is fixed.
        """
        chance = None
        if augmentation is not None:
            chance = uniforms(derive_seed(key, "clips"), samples, 1, streams=1)[0, :, 0]
        waves, lengths = cut(rows, self.clip, chance)
        drawn: dict[str, Tensor] = {}
        if augmentation is not None:
            drawn, lengths = draw(augmentation, key, samples, lengths, self.clip)
        tensors = {"waves": torch.from_numpy(waves), "lengths": torch.from_numpy(lengths)}
        return tensors | {_CHANGE + name: tensor for name, tensor in drawn.items()}, lengths

    def waves(self, batch: Batch) -> Tensor:
        """The clips of a batch, augmented, on its device: shape (B, clip)."""
        tensors = batch.tensors
        drawn = {name.removeprefix(_CHANGE): t for name, t in tensors.items() if name.startswith(_CHANGE)}
        return augment(tensors["waves"], tensors["lengths"], drawn)

    @property
    @abc.abstractmethod
    def learned_encoder(self) -> Encoder: ...

    @abc.abstractmethod
    def sound(self, rows: NDArray[Any]) -> tuple[Tensor, Tensor]:
        """The encoder's inputs for clips, without masking or augmentation, and which of its tokens hold sound.

        Returns:
            Its inputs, and bool (B, T).
        """

    @property
    @abc.abstractmethod
    def layers(self) -> Sequence[nn.Module]:
        """The module before the transformer, then each of its layers: outputs (B, T, hidden), special tokens first."""

    def encode(self, rows: NDArray[Any]) -> Tensor:
        """The last layer's tokens, averaged over those that hold sound: shape (B, hidden)."""
        return self.learned_encoder.features(*self.sound(rows))

    def encode_layers(self, rows: NDArray[Any]) -> Tensor:
        """The transformer's input and each layer's output, averaged likewise: shape (B, layers + 1, hidden).

        Features that distinguish words are seldom in the last layer, which is fitted to the loss (SUPERB, arXiv
        2105.01051, uses all layers).
        """
        given: list[Tensor] = []

        def keep(_module: nn.Module, _inputs: object, output: Tensor | tuple[Tensor, ...]) -> None:
            given.append(output[0] if isinstance(output, tuple) else output)

        hooks = [layer.register_forward_hook(keep) for layer in self.layers]
        inputs, sounding = self.sound(rows)
        try:
            self.learned_encoder.tokens(inputs, sounding)
        finally:
            for hook in hooks:
                hook.remove()
        return torch.stack([mean_of(tokens[:, -sounding.shape[1] :], sounding) for tokens in given], dim=1)


def is_audio(data: Prepared) -> TypeGuard[PreparedAudio]:
    """Whether the prepared data are recordings."""
    return isinstance(data, PreparedAudio)
