"""One recipe for each task: settings for training it for a quarter of an hour on two CPU cores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.spec.task import TaskSpec
from core.spec.tasks import tasks_by_kind

Measure = Literal["linear", "fine_tuned"]
"""``linear``: a logistic regression on the frozen features. ``fine_tuned``: encoder and classifier are trained on a few
labels, as masked autoencoders are meant to be used."""


@dataclass(frozen=True)
class Recipe:
    """The settings of a spec except its data, its seed and its number of steps."""

    model: Mapping[str, Any]
    task: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 128
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    warmup_share: float = 0.05
    """Warm-up steps as a share of all steps."""
    measure: Measure = "linear"

    def spec(
        self, kind: str, *, steps: int, seed: int, data: Mapping[str, Any], probe_samples: int = 0
    ) -> dict[str, Any]:
        """The complete spec of a run; ``data`` is its ``data`` section."""
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


FINE_TUNED = {"masked_autoencoder", "masked_spectrogram"}


def _recipe(kind: str, task: type[TaskSpec]) -> Recipe:
    """The task's recipe ``mini`` for some minutes on a CPU; the dashboard's form starts with the same one."""
    (mini,) = (recipe.document for recipe in task.recipes if recipe.name == "mini")
    training = mini["training"]
    return Recipe(
        model=mini["model"],
        task=mini.get("task", {}),
        batch_size=training["batch_size"],
        learning_rate=training["optimizer"]["learning_rate"],
        measure="fine_tuned" if kind in FINE_TUNED else "linear",
    )


RECIPES: dict[str, Recipe] = {
    kind: _recipe(kind, task) for kind, task in tasks_by_kind().items() if task.learns_features()
}
