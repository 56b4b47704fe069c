"""The encoders of audio, AST and wav2vec 2.0, as implementations of `core.networks.encoder.Encoder`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers.models.audio_spectrogram_transformer.modeling_audio_spectrogram_transformer import ASTModel
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2Model, Wav2Vec2PreTrainedModel

from core.networks.encoder import Encoder, fitting, read_network, read_weights, write_network
from core.networks.wav2vec2 import MASK_TOKEN, encode_frames
from core.spec.architectures.ast import SPECIAL_TOKENS


class SpectrogramEncoder(Encoder):
    """An AST; its tokens are the patches of a spectrogram."""

    def __init__(self, network: ASTModel) -> None:
        self.network: Any = network

    @property
    def width(self) -> int:
        return int(self.network.config.hidden_size)

    @property
    def body(self) -> nn.Module:
        found: nn.Module = self.network
        return found

    @property
    def blocks(self) -> Sequence[nn.Module]:
        return list(self.network.layers)

    def tokens(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:  # noqa: ARG002 - an AST attends to padding too
        patches: Tensor = self.network(inputs).last_hidden_state[:, SPECIAL_TOKENS:]
        return patches

    def load(self, directory: Path) -> None:
        loaded = read_network(ASTModel, directory, self.network.config)
        with fitting(directory):
            self.network.load_state_dict(loaded.state_dict())

    def save(self, directory: Path) -> None:
        write_network(directory, self.network.config, ASTModel.__name__, self.network.state_dict())


class WaveEncoder(Encoder):
    """wav2vec 2.0 without its quantiser and projections; its tokens are frames."""

    def __init__(self, model: Wav2Vec2PreTrainedModel) -> None:
        self.model: Any = model

    @property
    def network(self) -> Wav2Vec2Model:
        """The convolutions and the transformer."""
        found: Wav2Vec2Model = self.model.wav2vec2
        return found

    @property
    def width(self) -> int:
        return int(self.model.config.hidden_size)

    @property
    def body(self) -> nn.Module:
        return self.network

    @property
    def blocks(self) -> Sequence[nn.Module]:
        return list(self.network.encoder.layers)

    def tokens(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:
        if real is None:
            config: Any = self.model.config
            frames = _frames(config, inputs.shape[1])
            counts = torch.full((len(inputs),), frames, device=inputs.device)
        else:
            counts = real.sum(dim=1)
        hidden, _ = encode_frames(self.network, inputs, counts)
        return hidden

    def load(self, directory: Path) -> None:
        # A checkpoint that was trained without masks has no vector for masked frames.
        config = self.model.config
        loaded = read_weights(Wav2Vec2Model, directory, config, may_lack=[MASK_TOKEN])
        loaded = self.network.state_dict() | loaded
        with fitting(directory):
            self.network.load_state_dict(loaded)

    def save(self, directory: Path) -> None:
        write_network(directory, self.model.config, Wav2Vec2Model.__name__, self.network.state_dict())


def _frames(config: Any, samples: int) -> int:
    """Number of frames that the convolutions of ``config`` give for so many samples."""
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        samples = (samples - kernel) // stride + 1
    return samples
