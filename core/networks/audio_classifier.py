"""Audio encoders with a classification head, as classes that ``pipeline("audio-classification")`` opens."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import ASTConfig, Wav2Vec2Config
from transformers.models.audio_spectrogram_transformer.modeling_audio_spectrogram_transformer import (
    ASTForAudioClassification,
)
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2ForSequenceClassification

from core.networks.dropout import use_cheap_dropout
from core.networks.encoder import mean_of
from core.networks.heads import name_classes
from core.networks.spectrogram_mae import Grid, initialize_ast
from core.networks.wav2vec2 import encode_frames, freeze_mask_token
from core.randomness import derive_seed


def create_spectrogram_classifier(
    config: ASTConfig, grid: Grid, classes: Sequence[str], seed: int
) -> ASTForAudioClassification:
    """A new AST with a head, on the CPU. Its weights depend only on the arguments.

    Args:
        config: Of the encoder; it gets the names of the classes.
        classes: Names of the classes, in the order of the logits.
    """
    config.architectures = ["ASTForAudioClassification"]
    name_classes(config, classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        model = ASTForAudioClassification(config)
        initialize_ast(model.audio_spectrogram_transformer, grid)
    if config.hidden_dropout_prob or config.attention_probs_dropout_prob:
        use_cheap_dropout(model)
    return model


def create_wave_classifier(
    config: Wav2Vec2Config, classes: Sequence[str], seed: int
) -> Wav2Vec2ForSequenceClassification:
    """A new wav2vec 2.0 with a head, on the CPU. Its weights depend only on the arguments.

    Args:
        config: Of the encoder; it gets the names of the classes.
        classes: Names of the classes, in the order of the logits.
    """
    config.architectures = ["Wav2Vec2ForSequenceClassification"]
    # Masking of inputs in training would draw from numpy's global generator.
    config.apply_spec_augment = False
    name_classes(config, classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        model = Wav2Vec2ForSequenceClassification(config)
    network: Any = model.wav2vec2
    # It would require a gradient of the waveform itself, which only activation checkpointing needs.
    network.feature_extractor._requires_grad = False  # noqa: SLF001 - there is no public setting
    freeze_mask_token(network)
    use_cheap_dropout(model, makes_masks=True)
    return model


def wave_scores(model: Wav2Vec2ForSequenceClassification, waves: Tensor, real: Tensor) -> Tensor:
    """The logits of clips, shape (B, classes): those of ``model.forward``.

    Args:
        waves: Standardised, shape (B, L).
        real: Which frames are not padding, bool (B, T); they come first.
    """
    hidden, _ = encode_frames(model.wav2vec2, waves, real.sum(dim=1))
    scores: Tensor = model.classifier(mean_of(model.projector(hidden), real))
    return scores
