"""Networks of images and audio with unusual settings and their preprocessors, saved by `transformers`, as people upload them."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import (
    ASTConfig,
    ASTFeatureExtractor,
    ConvNextImageProcessor,
    PreTrainedModel,
    ResNetConfig,
    ViTConfig,
    ViTImageProcessor,
    ViTMAEConfig,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
)
from transformers.models.audio_spectrogram_transformer.modeling_audio_spectrogram_transformer import (
    ASTForAudioClassification,
    ASTModel,
)
from transformers.models.resnet.modeling_resnet import ResNetForImageClassification, ResNetModel
from transformers.models.vit.modeling_vit import ViTForImageClassification, ViTModel
from transformers.models.vit_mae.modeling_vit_mae import ViTMAEForPreTraining
from transformers.models.wav2vec2.modeling_wav2vec2 import (
    Wav2Vec2ForCTC,
    Wav2Vec2ForPreTraining,
    Wav2Vec2ForSequenceClassification,
    Wav2Vec2Model,
)

SIDE, RATE = 16, 8000
_SIZES = {"num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 48}
_WIDE = {"initializer_range": 0.2}
"""New weights so large that an epsilon or an activation changes the outputs."""


def _vit(kind: type[PreTrainedModel], config: type[Any] = ViTConfig, **settings: Any) -> PreTrainedModel:
    return kind(config(**(_SIZES | _WIDE | {"image_size": SIDE, "patch_size": 4} | settings)))


def _resnet(kind: type[PreTrainedModel], block: str, **settings: Any) -> PreTrainedModel:
    first = 8 if block == "basic" else 2
    sizes = {"embedding_size": first, "hidden_sizes": [8, 16], "depths": [1, 2]}
    return kind(ResNetConfig(layer_type=block, **sizes, **settings))


def _ast(kind: type[PreTrainedModel], **settings: Any) -> PreTrainedModel:
    return kind(
        ASTConfig(**(_SIZES | _WIDE | {"num_mel_bins": 16, "max_length": 24, "patch_size": 8} | settings))
    )


def _waves(kind: type[PreTrainedModel], **settings: Any) -> PreTrainedModel:
    convolutions = {"conv_dim": [16] * 3, "conv_kernel": [10, 4, 4], "conv_stride": [5, 4, 4]}
    heads = {"codevector_dim": 12, "proj_codevector_dim": 10, "num_codevectors_per_group": 6}
    positions = {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 4}
    return kind(Wav2Vec2Config(**(_SIZES | convolutions | heads | positions | settings)))


def _images(**settings: Any) -> Any:
    usual = {
        "size": {"height": SIDE, "width": SIDE},
        "image_mean": [0.4, 0.5, 0.6],
        "image_std": [0.2, 0.3, 0.4],
    }
    return ViTImageProcessor(**(usual | settings))


def _spectrograms(**settings: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ASTFeatureExtractor(
            **({"sampling_rate": RATE, "num_mel_bins": 16, "max_length": 24} | settings)
        )


def _recordings(**settings: Any) -> Any:
    return Wav2Vec2FeatureExtractor(sampling_rate=RATE, **settings)


@dataclass(frozen=True)
class Network:
    """How a network and its preprocessor are made, and the task that takes its encoder over."""

    make: Callable[[], PreTrainedModel]
    preprocessor: Callable[[], Any]
    bare: type[PreTrainedModel]
    """The class of its encoder alone."""
    task: str
    """That goes on with all of its weights."""


NETWORKS: Mapping[str, Network] = {
    "vit": Network(
        lambda: _vit(ViTForImageClassification, layer_norm_eps=1e-2, hidden_act="relu", num_labels=5),
        _images,
        ViTModel,
        "image_classification",
    ),
    "vit without biases": Network(
        lambda: _vit(ViTModel, qkv_bias=False, patch_size=8, layer_norm_eps=1e-3),
        lambda: _images(do_normalize=False),
        ViTModel,
        "image_classification",
    ),
    "vit_mae": Network(
        lambda: _vit(
            ViTMAEForPreTraining,
            ViTMAEConfig,
            layer_norm_eps=1e-2,
            hidden_act="gelu_new",
            decoder_hidden_size=24,
            decoder_num_attention_heads=2,
            decoder_num_hidden_layers=1,
            decoder_intermediate_size=40,
            norm_pix_loss=True,
        ),
        _images,
        ViTModel,
        "masked_autoencoder",
    ),
    "resnet": Network(
        lambda: _resnet(ResNetForImageClassification, "basic", hidden_act="silu"),
        lambda: ConvNextImageProcessor(size={"shortest_edge": SIDE}),
        ResNetModel,
        "image_classification",
    ),
    "resnet with bottlenecks": Network(
        lambda: _resnet(ResNetModel, "bottleneck"), _images, ResNetModel, "image_classification"
    ),
    "ast": Network(
        lambda: _ast(ASTForAudioClassification, frequency_stride=5, time_stride=3, layer_norm_eps=1e-2),
        lambda: _spectrograms(mean=-3.0, std=2.5),
        ASTModel,
        "audio_classification",
    ),
    "ast with whole patches": Network(
        lambda: _ast(ASTModel, frequency_stride=8, time_stride=8, hidden_act="relu"),
        lambda: _spectrograms(do_normalize=False),
        ASTModel,
        "audio_classification",
    ),
    "wav2vec2": Network(
        lambda: _waves(Wav2Vec2ForPreTraining, feat_extract_norm="group", layer_norm_eps=1e-3),
        _recordings,
        Wav2Vec2Model,
        "wav2vec2",
    ),
    "wav2vec2 classifier": Network(
        lambda: _waves(Wav2Vec2ForSequenceClassification, classifier_proj_size=12, num_labels=3),
        _recordings,
        Wav2Vec2Model,
        "audio_classification",
    ),
    "wav2vec2 with norms of layers": Network(
        lambda: _waves(
            Wav2Vec2ForCTC,
            feat_extract_norm="layer",
            do_stable_layer_norm=True,
            conv_bias=True,
            hidden_act="relu",
            feat_extract_activation="gelu_new",
            vocab_size=9,
        ),
        lambda: _recordings(return_attention_mask=True),
        Wav2Vec2Model,
        "wav2vec2",
    ),
    "wav2vec2 without a mask token": Network(
        lambda: _waves(Wav2Vec2Model, mask_time_prob=0.0, do_stable_layer_norm=True),
        lambda: _recordings(do_normalize=False),
        Wav2Vec2Model,
        "wav2vec2",
    ),
}


def saved_network(name: str, directory: Path, **settings: Any) -> PreTrainedModel:
    """A network of `NETWORKS` in a directory, with its preprocessor and a setting that nobody knows.

    Args:
        settings: Of its configuration, which do not change its weights.
    """
    network = NETWORKS[name]
    model = network.make().eval()
    model.config.update({**settings, "field_of_somebody": {"kept": [1, 2]}})
    model.save_pretrained(directory)
    network.preprocessor().save_pretrained(directory)
    return model
