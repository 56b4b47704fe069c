"""A small network with a head of each family of `transformers`, its encoder, and an input."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    ASTConfig,
    ASTForAudioClassification,
    BertConfig,
    BertForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    IJepaConfig,
    IJepaForImageClassification,
    LlamaConfig,
    LlamaForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
    PreTrainedModel,
    ResNetForImageClassification,
    T5Config,
    T5ForTokenClassification,
    ViTConfig,
    ViTForImageClassification,
    Wav2Vec2Config,
    Wav2Vec2ForSequenceClassification,
)

from core.networks.dropout import use_cheap_dropout
from core.networks.encoder import Encoder
from core.networks.resnet import resnet_config
from core.spec.architectures import PRESETS
from core.spec.architectures.base import Size
from core.spec.architectures.resnet import ResNetSize

RESNET = ResNetSize(block="basic", depths=(1, 2), widths=(8, 16))
BOTTLENECKS = ResNetSize(block="bottleneck", depths=(2, 1), widths=(8, 16))


class HeadedEncoder(Encoder):
    """The encoder in a network with a head."""

    def __init__(self, body: Any, blocks: Sequence[nn.Module], width: int) -> None:
        self._body, self._blocks, self._width = body, blocks, width

    @property
    def width(self) -> int:
        return self._width

    @property
    def blocks(self) -> Sequence[nn.Module]:
        return self._blocks

    @property
    def body(self) -> nn.Module:
        found: nn.Module = self._body
        return found

    def tokens(self, inputs: Tensor, real: Tensor | None = None) -> Tensor:
        raise NotImplementedError

    def load(self, directory: Path) -> None:
        raise NotImplementedError

    def save(self, directory: Path) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class Family:
    """A kind of network."""

    kind: type[PreTrainedModel]
    config: Callable[[], Any]
    size: Size
    body: Callable[[Any], Any]
    blocks: Callable[[Any], Sequence[nn.Module]]
    inputs: Callable[[], dict[str, Tensor]]
    published_names: bool = False

    def make(self, seed: int = 0) -> PreTrainedModel:
        torch.manual_seed(seed)
        network = self.kind(self.config())
        if not isinstance(network, ResNetForImageClassification):
            use_cheap_dropout(network)
        with torch.no_grad():
            # No weight is zero, and no norm is the identity.
            for parameter in network.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
            for name, buffer in network.named_buffers():
                if name.endswith("running_mean"):
                    buffer.normal_(std=0.1)
                elif name.endswith("running_var"):
                    buffer.uniform_(0.5, 1.5)
        return network.eval()

    def encoder(self, network: PreTrainedModel) -> HeadedEncoder:
        body = self.body(network)
        return HeadedEncoder(body, self.blocks(body), self.size.feature_width or 0)


def _ids() -> dict[str, Tensor]:
    return {"input_ids": torch.randint(5, 40, (3, 12), generator=torch.Generator().manual_seed(0))}


def _pixels() -> dict[str, Tensor]:
    return {"pixel_values": torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))}


def _bins() -> dict[str, Tensor]:
    return {"input_values": torch.randn(3, 20, 16, generator=torch.Generator().manual_seed(0))}


def _waves() -> dict[str, Tensor]:
    return {"input_values": torch.randn(3, 400, generator=torch.Generator().manual_seed(0))}


_WIDTHS = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
_PATCHES = {"image_size": 16, "patch_size": 4}
_IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}


def _size(preset: str) -> Size:
    return PRESETS[preset].changed({"layers": 2, "hidden_size": 16, "heads": 2, "intermediate_size": 32})


def _resnet(size: ResNetSize) -> Family:
    return Family(
        ResNetForImageClassification,
        lambda: resnet_config(size, channels=3, small_images=False),
        size,
        lambda network: network.resnet,
        lambda body: [block for stage in body.encoder.stages for block in stage.layers],
        _pixels,
        published_names=True,
    )


FAMILIES: dict[str, Family] = {
    "bert": Family(
        BertForSequenceClassification,
        lambda: BertConfig(vocab_size=40, **_WIDTHS),
        _size("bert-tiny"),
        lambda network: network.bert,
        lambda body: body.encoder.layer,
        _ids,
    ),
    "modernbert": Family(
        ModernBertForSequenceClassification,
        lambda: ModernBertConfig(
            vocab_size=40, cls_token_id=1, sep_token_id=2, reference_compile=False, **_WIDTHS, **_IDS
        ),
        _size("modernbert-mini"),
        lambda network: network.model,
        lambda body: body.layers,
        _ids,
    ),
    "gpt2": Family(
        GPT2ForSequenceClassification,
        lambda: GPT2Config(vocab_size=40, n_embd=16, n_layer=2, n_head=2, n_inner=32, n_positions=12, **_IDS),
        _size("gpt2-tiny"),
        lambda network: network.transformer,
        lambda body: body.h,
        _ids,
    ),
    "llama": Family(
        LlamaForSequenceClassification,
        lambda: LlamaConfig(vocab_size=40, **_WIDTHS, **_IDS),
        _size("llama-tiny"),
        lambda network: network.model,
        lambda body: body.layers,
        _ids,
    ),
    "t5": Family(
        T5ForTokenClassification,
        lambda: T5Config(
            vocab_size=40,
            d_model=16,
            d_kv=8,
            d_ff=32,
            num_layers=2,
            num_heads=2,
            feed_forward_proj="gated-gelu",
            eos_token_id=2,
            pad_token_id=0,
        ),
        _size("t5-tiny"),
        lambda network: network.transformer.encoder,
        lambda body: body.block,
        _ids,
    ),
    "vit": Family(
        ViTForImageClassification,
        lambda: ViTConfig(**_PATCHES, **_WIDTHS),
        _size("vit-micro"),
        lambda network: network.vit,
        lambda body: body.layers,
        _pixels,
        published_names=True,
    ),
    "ijepa": Family(
        IJepaForImageClassification,
        lambda: IJepaConfig(**_PATCHES, **_WIDTHS),
        _size("vit-micro"),
        lambda network: network.ijepa,
        lambda body: body.layers,
        _pixels,
        published_names=True,
    ),
    "resnet": _resnet(RESNET),
    "resnet bottlenecks": _resnet(BOTTLENECKS),
    "ast": Family(
        ASTForAudioClassification,
        lambda: ASTConfig(
            num_mel_bins=16, max_length=20, patch_size=8, frequency_stride=8, time_stride=8, **_WIDTHS
        ),
        _size("ast-tiny"),
        lambda network: network.audio_spectrogram_transformer,
        lambda body: body.layers,
        _bins,
    ),
    "wav2vec2": Family(
        Wav2Vec2ForSequenceClassification,
        lambda: Wav2Vec2Config(
            conv_dim=[8, 8],
            conv_kernel=[10, 3],
            conv_stride=[5, 2],
            num_feat_extract_layers=2,
            num_conv_pos_embeddings=4,
            num_conv_pos_embedding_groups=2,
            feat_extract_norm="layer",
            do_stable_layer_norm=True,
            conv_bias=True,
            layerdrop=0.0,
            classifier_proj_size=16,
            **_WIDTHS,
        ),
        _size("wav2vec2-tiny"),
        lambda network: network.wav2vec2,
        lambda body: body.encoder.layers,
        _waves,
    ),
}
