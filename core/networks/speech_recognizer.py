"""wav2vec 2.0 with a linear head for CTC, as the class that ``pipeline("automatic-speech-recognition")`` opens."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import Wav2Vec2Config
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2ForCTC

from core.networks.dropout import use_cheap_dropout
from core.networks.wav2vec2 import encode_frames, freeze_mask_token
from core.randomness import derive_seed


def create_recognizer(
    config: Wav2Vec2Config, seed: int, *, freezes_convolutions: bool, masks: bool
) -> Wav2Vec2ForCTC:
    """A new network on the CPU. Its weights depend only on ``config`` and ``seed``.

    Args:
        freezes_convolutions: Whether the convolutions are not trained.
        masks: Whether frames are masked in training, so that the vector in place of them is trained.
    """
    config.architectures = ["Wav2Vec2ForCTC"]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "initialisation"))
        model = Wav2Vec2ForCTC(config)
    network: Any = model.wav2vec2
    # It would require a gradient of the waveform itself, which only activation checkpointing needs.
    network.feature_extractor._requires_grad = False  # noqa: SLF001 - there is no public setting
    if freezes_convolutions:
        network.feature_extractor.requires_grad_(False)
    if not masks:
        freeze_mask_token(network)
    use_cheap_dropout(model, makes_masks=True)
    return model


def frame_scores(
    model: Wav2Vec2ForCTC,
    waves: Tensor,
    frames: Tensor,
    masked: Tensor | None = None,
    silenced: Tensor | None = None,
) -> Tensor:
    """The logits of each frame, shape (B, T, outputs): those of ``model.forward``.

    Args:
        waves: Standardised, shape (B, L).
        frames: How many of the T frames of each recording are not padding, shape (B,).
        masked: Which frames are hidden from the transformer, bool (B, T).
        silenced: Which of its input features are 0, bool (B, hidden).
    """
    hidden, _ = encode_frames(model.wav2vec2, waves, frames, masked, silenced)
    scores: Tensor = model.lm_head(model.dropout(hidden))
    return scores


def ctc_loss(scores: Tensor, frames: Tensor, targets: Tensor, lengths: Tensor, *, blank: int = 0) -> Tensor:
    """The summed negative log likelihood of the targets (Graves et al. 2006).

    Arguments as `ctc_losses`.
    """
    return _ctc(scores, frames, targets, lengths, "sum", blank=blank).to(scores.device)


def ctc_losses(scores: Tensor, frames: Tensor, targets: Tensor, lengths: Tensor, *, blank: int = 0) -> Tensor:
    """The negative log likelihood of each target, shape (B,), on the CPU.

    A target that is longer than its frames allow counts as 0.

    Args:
        scores: Logits, shape (B, T, outputs).
        frames: Frames of each recording, shape (B,).
        targets: Shape (B, L), padded at the end.
        lengths: Outputs of each target, shape (B,).
        blank: Number of the output that is CTC's blank.
    """
    return _ctc(scores, frames, targets, lengths, "none", blank=blank)


def _ctc(
    scores: Tensor, frames: Tensor, targets: Tensor, lengths: Tensor, reduction: str, *, blank: int
) -> Tensor:
    # On the CPU: the gradient on a GPU is not deterministic, and scores are few numbers.
    with torch.autocast(scores.device.type, enabled=False):
        logs = scores.float().log_softmax(dim=-1).transpose(0, 1).cpu()
        return functional.ctc_loss(
            logs,
            targets.cpu(),
            frames.cpu(),
            lengths.cpu(),
            blank=blank,
            reduction=reduction,
            zero_infinity=True,
        )
