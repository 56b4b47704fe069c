"""What is pretrained and fine-tuned for each modality: tasks, networks, steps, and how many labels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.spec.tasks import tasks_by_kind

Name = Literal["text", "image", "audio"]
Section = Mapping[str, Any]

SPEAKERS = "_(?P<group>[a-z]+)_"
"""``data.audio.group_pattern`` of ``DIGIT/DIGIT_SPEAKER_N.wav``: whole speakers are held out."""


@dataclass(frozen=True)
class Modality:
    """The settings of one modality; both arms, from pretrained and from fresh weights, have the same."""

    file: str
    """Name of the data in the directory ``--data``."""
    pretraining: Section
    """The sections ``task`` and ``training`` of the pretraining."""
    task: str
    """Kind of the fine-tuning task; its settings are those of its recipe ``mini``."""
    per_class: int
    """Labelled samples of each class to learn from; for audio of each class and speaker."""
    model: Section
    data: Section = field(default_factory=dict)
    tuning: Section = field(default_factory=dict)
    """Fields of the fine-tuning's section ``task``."""

    def pretrained(self) -> dict[str, Any]:
        """The spec of the pretraining."""
        return {
            "name": "pretraining",
            "task": self.pretraining["task"],
            "model": self.model,
            "data": self.data,
            "training": self.pretraining["training"],
            "resources": {"device": "cpu"},
        }

    def tuned(self, adaptation: str, seed: int, data: Section, *, start: bool) -> dict[str, Any]:
        """The spec of a fine-tuning, from a checkpoint or from fresh weights."""
        recipe = recipe_of(self.task, "mini" if adaptation == "full" else adaptation)
        training = recipe["training"] | {"seed": seed, "evaluation_sequences": 10_000}
        # Only the last evaluation and checkpoint count, and the others would take a third of the time.
        training |= {"evaluate_every": None, "checkpoint_every": None}
        if "sequence_length" in self.pretraining["training"]:
            training["sequence_length"] = self.pretraining["training"]["sequence_length"]
        return {
            "name": f"fine-tuning {adaptation}",
            "task": {"kind": self.task, **self.tuning},
            "model": self.model,
            "data": data,
            "training": training,
            "resources": {"device": "cpu"},
            **({"adaptation": recipe["adaptation"]} if "adaptation" in recipe else {}),
            **({"start": {"scope": "encoder"}} if start else {}),
        }


def recipe_of(kind: str, name: str) -> dict[str, Any]:
    """The sections of a task's recipe."""
    (recipe,) = (recipe for recipe in tasks_by_kind()[kind].recipes if recipe.name == name)
    return recipe.spec(kind)


MODALITIES: Mapping[Name, Modality] = {
    "text": Modality(
        file="banking77",
        pretraining={
            "task": {"kind": "causal_lm"},
            "training": {
                "steps": 800,
                "batch_size": 32,
                "sequence_length": 64,
                "optimizer": {"learning_rate": 3e-3, "weight_decay": 0.05},
                "schedule": {"warmup_steps": 40},
            },
        },
        task="text_classification",
        per_class=10,
        model={"preset": "llama-tiny"},
        data={"tokenizer": {"kind": "bpe", "vocabulary_size": 2500, "lowercase": True}},
    ),
    "image": Modality(
        file="cifar10-subset.zip",
        pretraining={
            "task": {"kind": "contrastive", "temperature": 0.2},
            "training": {
                "steps": 350,
                "batch_size": 128,
                "optimizer": {"learning_rate": 3e-3, "weight_decay": 0.05, "beta2": 0.95},
                "schedule": {"warmup_steps": 20},
            },
        },
        task="image_classification",
        per_class=10,
        model={"preset": "resnet-mini"},
    ),
    "audio": Modality(
        file="spoken-digits.zip",
        pretraining={
            "task": {
                "kind": "masked_spectrogram",
                "mel_bins": 32,
                "patch_size": 8,
                "augmentation": {"speed": 0.2},
            },
            "training": {
                "steps": 900,
                "batch_size": 64,
                "optimizer": {"learning_rate": 1e-3, "weight_decay": 0.05, "beta2": 0.95},
                "schedule": {"warmup_steps": 45},
            },
        },
        task="audio_classification",
        per_class=50,
        model={"preset": "ast-tiny"},
        data={"audio": {"sampling_rate": 8000, "clip_seconds": 0.6, "group_pattern": SPEAKERS}},
        tuning={
            "mel_bins": 32,
            "patch_size": 8,
            "augmentation": {"speed": 0.2, "noise_snr_db": (5, 25), "gain_db": 6},
        },
    ),
}
