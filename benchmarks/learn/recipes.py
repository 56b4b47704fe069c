"""How each task is trained for a quarter of an hour on two CPU cores: one recipe a task."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.spec.task import TaskSpec
from core.spec.tasks import tasks_by_kind

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


FINE_TUNED = {"masked_autoencoder", "masked_spectrogram"}


def _recipe(kind: str, task: type[TaskSpec]) -> Recipe:
    """The task's own recipe for some minutes on a CPU, with which a form begins as well."""
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
