"""How each task is trained for a quarter of an hour on two CPU cores: one recipe a task."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Measure = Literal["linear", "fine_tuned"]
"""``linear``: a logistic regression on the features as they are. ``fine_tuned``: encoder and classifier trained on a few
labels, which is how a masked autoencoder is meant to be used."""


@dataclass(frozen=True)
class Recipe:
    """What a spec says besides its data, its seed and how many steps there are time for."""

    model: Mapping[str, Any]
    task: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_share: float = 0.05
    """Of the steps."""
    measure: Measure = "linear"

    def spec(
        self, kind: str, *, steps: int, seed: int, data: Mapping[str, Any], probe_samples: int = 0
    ) -> dict[str, Any]:
        """The whole spec of a run on ``data``, a part of its own."""
        return {
            "name": f"learn {kind}",
            "task": {"kind": kind, **self.task},
            "model": dict(self.model),
            "data": {**data, "on_bad_sample": "skip"},
            "training": {
                "steps": steps,
                "batch_size": self.batch_size,
                "seed": seed,
                "optimizer": {
                    "kind": "adamw",
                    "learning_rate": self.learning_rate,
                    "weight_decay": self.weight_decay,
                    "beta2": 0.95,
                },
                "schedule": {"kind": "cosine", "warmup_steps": int(self.warmup_share * steps)},
                "log_every": 10,
                "probe_samples": probe_samples,
            },
            "resources": {"device": "cpu"},
        }


RECIPES: dict[str, Recipe] = {
    "colorization": Recipe({"preset": "resnet-mini"}, batch_size=64, learning_rate=2e-3),
    "contrastive": Recipe(
        {"preset": "resnet-mini"}, {"temperature": 0.2}, batch_size=256, learning_rate=2e-3
    ),
    "denoising_autoencoder": Recipe({"preset": "resnet-mini"}, batch_size=64, learning_rate=2e-3),
    "joint_embedding_prediction": Recipe(
        {"preset": "vit-micro"}, {"predictor_layers": 3, "momentum": 0.99}, batch_size=64, learning_rate=1e-3
    ),
    "masked_autoencoder": Recipe(
        {"preset": "vit-micro"}, {"decoder_layers": 2}, learning_rate=1.5e-3, measure="fine_tuned"
    ),
    "masked_spectrogram": Recipe(
        {"preset": "ast-tiny"},
        {"mel_bins": 64, "patch_size": 8, "augmentation": {"speed": 0.15}},
        batch_size=64,
        learning_rate=1e-3,
        measure="fine_tuned",
    ),
    "self_distillation": Recipe(
        {"preset": "resnet-mini"},
        {"method": "byol", "momentum": 0.99},
        batch_size=128,
        learning_rate=2e-3,
    ),
    "rotation": Recipe({"preset": "resnet-mini"}, batch_size=64, learning_rate=2e-3),
    # A frame each 10 ms: half a second of speech is to give enough of them to mask and to tell apart. Stretches of 100 ms, for
    # shorter ones are guessed from the frames beside them, with no idea of the word.
    "wav2vec2": Recipe(
        {"layers": 3, "hidden_size": 144, "heads": 4},
        {
            "feature_encoder": {"kernels": [10, 8, 4, 4], "strides": [5, 4, 2, 2], "channels": 96},
            "mask_start_probability": 0.065,
            "mask_length": 10,
            "negatives": 20,
            "diversity_weight": 0.3,
            "codewords": 40,
            "codeword_size": 48,
            "projection_size": 96,
            "position_kernel": 16,
            "augmentation": {"speed": 0.2, "noise_snr_db": [5, 25], "gain_db": 6},
        },
        batch_size=32,
        learning_rate=1e-3,
    ),
}
