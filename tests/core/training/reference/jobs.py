"""A small job of every task, with every feature of the loop: micro-batches, dropout, clipping, decay, warm-up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from tests.core.conftest import AUDIO_TASKS
from tests.core.tasks.image_tasks import RESNET, TASKS, VIT
from tests.core.training.reference import averages
from tests.core.training.reference import losses_audio as audio
from tests.core.training.reference import losses_images as images
from tests.core.training.reference import losses_text as text

Loss = Callable[..., Tensor]
STEPS = 5
SMALL = {"layers": 2, "hidden_size": 16, "heads": 2, "dropout": 0.2}
TRAINING = {
    "steps": STEPS,
    "batch_size": 8,
    "accumulation_steps": 2,
    "sequence_length": 24,
    "seed": 7,
    "precision": "fp32",
    "gradient_clip": 0.05,
    "optimizer": {
        "kind": "adamw",
        "learning_rate": 0.02,
        "beta1": 0.8,
        "beta2": 0.95,
        "epsilon": 2e-4,
        "weight_decay": 0.5,
    },
    "schedule": {"kind": "cosine", "warmup_steps": 2, "final_fraction": 0.1},
    "log_every": 1,
    "evaluate_every": 2,
    "evaluation_sequences": 6,
    "checkpoint_every": 3,
}


@dataclass(frozen=True)
class Case:
    """A job, its data, and the reference of its loss."""

    data: str
    """The fixture with its files."""
    document: dict[str, Any]
    phases: dict[str, Loss]
    """A loss for each set of parameters that steps by itself; ``""``: all of them."""
    after: Callable[[Any, int], None] = averages.nothing
    """Updates after a step besides the optimisers."""
    by_step: bool = False
    """Whether the loss takes the step as an argument."""
    mixes: bool = False
    """Whether samples of a batch affect one another, so that an evaluation depends on its micro-batches."""


def job(data: str, task: dict[str, Any], model: dict[str, Any], **training: Any) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "sentences": {"tokenizer": {"kind": "bpe", "vocabulary_size": 300}},
        "labelled_sentences": {
            "tokenizer": {"kind": "bpe", "vocabulary_size": 300},
            "held_out_fraction": 0.2,
        },
        "tagged_sentences": {
            "tokenizer": {"kind": "bpe", "vocabulary_size": 300},
            "held_out_fraction": 0.2,
        },
        "pictures": {"image": {"size": 16}, "held_out_fraction": 0.25},
        "recordings": {
            "audio": {"sampling_rate": 8000, "clip_seconds": 0.2, "group_pattern": "_(?P<group>[a-z])_"}
        },
    }
    parts["tones"] = {"audio": {"sampling_rate": 8000, "group_pattern": "/(?P<group>[a-z])_"}}
    parts[data] |= training.pop("reading", {})
    optimizer = TRAINING["optimizer"] | training.pop("optimizer", {})  # type: ignore[operator]
    return {
        "name": "reference",
        "task": task,
        "model": model,
        "data": parts[data],
        "training": TRAINING | training | {"optimizer": optimizer},
        "resources": {"device": "cpu"},
    }


def _text(task: dict[str, Any], architecture: str, loss: Loss, **training: Any) -> Case:
    model = SMALL | {"architecture": architecture}
    return Case("sentences", job("sentences", task, model, **training), {"": loss})


def _image(name: str, loss: Loss) -> Case:
    return Case("pictures", job("pictures", *TASKS[name]), {"": loss})


def _classes(architecture: str, column: str, **task: Any) -> Case:
    document = job(
        "labelled_sentences",
        {"kind": "text_classification", **task},
        SMALL | {"architecture": architecture},
        reading={"text": {"label_column": column}},
    )
    return Case("labelled_sentences", document, {"": text.text_classification})


def _tags(architecture: str, **task: Any) -> Case:
    document = job(
        "tagged_sentences", {"kind": "token_classification", **task}, SMALL | {"architecture": architecture}
    )
    return Case("tagged_sentences", document, {"": text.token_classification})


_GAME: dict[str, Loss] = {"discriminator.": images.discriminator, "generator.": images.generator}
_VIT = VIT | {"dropout": 0.2}
_APART = {"separate_documents": True}
CASES: dict[str, Case] = {
    "masked_lm": _text({"kind": "masked_lm"}, "bert", text.masked_lm, ema_decay=0.7),
    "masked_lm-features": _text(
        {"kind": "masked_lm", "feature_reconstruction": {"alpha": text.ALPHA}},
        "bert",
        text.masked_lm,
        optimizer={"decay_embeddings": False},
    ),
    "masked_lm-apart": _text({"kind": "masked_lm", **_APART}, "bert", text.masked_lm),
    "masked_lm-modernbert": Case(
        "sentences",
        job(
            "sentences",
            {"kind": "masked_lm", "masking": "span", **_APART},
            SMALL | {"architecture": "modernbert"},
            reading={"packing": "best_fit"},
        ),
        {"": text.masked_lm},
    ),
    "causal_lm-apart": _text(
        {"kind": "causal_lm", **_APART},
        "gpt2",
        text.causal_lm,
        schedule={"kind": "linear", "warmup_steps": 1},
    ),
    "causal_lm-llama": _text({"kind": "causal_lm"}, "llama", text.causal_lm, gradient_clip=None),
    "text_denoising_autoencoder": _text(
        {"kind": "text_denoising_autoencoder"}, "t5", text.text_denoising_autoencoder, gradient_clip=5.0
    ),
    "rotation": Case("pictures", job("pictures", {"kind": "rotation"}, _VIT), {"": images.rotation}),
    "masked_autoencoder": Case(
        "pictures",
        job("pictures", {"kind": "masked_autoencoder", "decoder_layers": 1}, _VIT),
        {"": images.masked_autoencoder},
    ),
    "joint_embedding_prediction": Case(
        "pictures",
        job(
            "pictures",
            {"kind": "joint_embedding_prediction", "predictor_layers": 1, "momentum": 0.6},
            VIT,
        ),
        {"": images.joint_embedding_prediction},
        after=averages.joint_embedding_prediction,
    ),
    "contrastive": Case(
        "pictures",
        # Batch norm and temperature amplify rounding: at a higher rate both runs diverge after some steps.
        job(
            "pictures",
            TASKS["contrastive"][0],
            RESNET,
            optimizer={"learning_rate": 0.002},
            gradient_clip=None,
        ),
        {"": images.contrastive},
        mixes=True,
    ),
    "dino": Case(
        "pictures",
        job(
            "pictures",
            TASKS["dino-vit"][0]
            | {"momentum": 0.6, "teacher_temperature_warmup": 1.0, "frozen_prototypes": 0.4},
            _VIT,
        ),
        {"": images.dino},
        after=averages.dino,
        by_step=True,
        mixes=True,
    ),
    "byol": Case(
        "pictures",
        job("pictures", TASKS["byol"][0] | {"momentum": 0.6}, RESNET),
        {"": images.byol},
        after=averages.byol,
        by_step=True,
        mixes=True,
    ),
    "colorization": _image("colorization", images.colorization),
    "denoising_autoencoder": _image("autoencoder", images.denoising_autoencoder),
    "dcgan": Case("pictures", job("pictures", *TASKS["dcgan"]), _GAME, averages.gan, by_step=True),
    "resgan": Case(
        "pictures",
        # Two networks trained against each other at a high rate amplify rounding.
        job("pictures", *TASKS["resgan"], optimizer={"learning_rate": 0.004, "epsilon": 1e-3}),
        _GAME,
        averages.gan,
        by_step=True,
    ),
    "image_classification": Case(
        "pictures",
        job(
            "pictures",
            {
                "kind": "image_classification",
                "label_smoothing": 0.1,
                "class_weights": {"discs": 3.0},
                "mixup": 0.4,
                "head_dropout": 0.3,
            },
            _VIT,
            ema_decay=0.7,
        ),
        {"": images.image_classification},
    ),
    "image_classification-jepa": Case(
        "pictures",
        job("pictures", {"kind": "image_classification", "class_token": False}, _VIT),
        {"": images.image_classification},
    ),
    "image_classification-resnet": Case(
        "pictures",
        job(
            "pictures",
            {"kind": "image_classification", "class_weights": "balanced"},
            RESNET,
            optimizer={"learning_rate": 0.002},
            gradient_clip=None,
        ),
        {"": images.image_classification},
        mixes=True,
    ),
    "wav2vec2": Case(
        "recordings",
        job("recordings", AUDIO_TASKS["wav2vec2"], SMALL),
        {"": audio.wav2vec2},
        by_step=True,
    ),
    "text_classification": _classes(
        "bert", "kind", label_smoothing=0.1, class_weights={"article": 3.0}, head_dropout=0.3
    ),
    "text_classification-modernbert": _classes("modernbert", "signs", target="several", label_smoothing=0.2),
    "text_classification-gpt2": _classes("gpt2", "size", target="number"),
    "text_classification-llama": _classes("llama", "kind", class_weights="balanced"),
    "text_classification-t5": _classes("t5", "kind"),
    "token_classification": _tags(
        "bert", label_smoothing=0.1, class_weights={"B-name": 3.0}, head_dropout=0.3
    ),
    "token_classification-modernbert": _tags("modernbert"),
    "token_classification-gpt2": _tags("gpt2", class_weights="balanced"),
    "token_classification-llama": _tags("llama"),
    "token_classification-t5": _tags("t5", head_dropout=0.2),
    "audio_classification": Case(
        "recordings",
        job(
            "recordings",
            {
                "kind": "audio_classification",
                "mel_bins": 16,
                "patch_size": 4,
                "head_dropout": 0.3,
                "label_smoothing": 0.2,
            },
            SMALL | {"architecture": "ast"},
        ),
        {"": audio.audio_classification},
    ),
    "audio_classification-wav2vec2": Case(
        "recordings",
        job(
            "recordings",
            {
                "kind": "audio_classification",
                "class_weights": {"up": 2.0},
                "feature_encoder": AUDIO_TASKS["wav2vec2"]["feature_encoder"],
                "position_kernel": 8,
                "augmentation": {"gain_db": 3.0},
            },
            SMALL | {"architecture": "wav2vec2"},
        ),
        {"": audio.audio_classification},
    ),
    "speech_recognition": Case(
        "tones",
        job(
            "tones",
            {
                "kind": "speech_recognition",
                "feature_encoder": {"kernels": [16, 8, 4], "strides": [8, 5, 4], "channels": 16},
                "position_kernel": 8,
                "max_seconds": 1.0,
                "head_dropout": 0.3,
                "mask_share": 0.3,
                "mask_length": 2,
                "augmentation": {"speed": 0.1},
            },
            SMALL | {"architecture": "wav2vec2"},
        ),
        {"": audio.speech_recognition},
    ),
    "masked_spectrogram": Case(
        "recordings",
        job("recordings", AUDIO_TASKS["masked_spectrogram"], SMALL),
        {"": audio.masked_spectrogram},
    ),
}
