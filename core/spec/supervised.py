"""What the specs of all tasks that learn labels have in common: fine-tuning, or the same training from fresh weights."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from core.spec.predictions import Prediction, classify
from core.spec.recipes import Document, Recipe, base, few_steps, mini, smoke, some_steps
from core.spec.task import TaskSpec

LONGEST_CLASS_NAME = 200
"""Most characters of the name of a class."""
ClassName = Annotated[str, Field(min_length=1, max_length=LONGEST_CLASS_NAME)]
Weight = Annotated[float, Field(ge=0.0, le=1e6)]


class SupervisedTask(TaskSpec):
    """A task that trains a network and its head on the labels of the samples."""

    needs_labels: ClassVar[bool] = True
    adapts: ClassVar[bool] = True

    head_dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Dropout of the features before the head, in training."""


class ClassifyingTask(SupervisedTask):
    """A task that assigns one class to each sample."""

    @classmethod
    def all_predictions(cls) -> tuple[Prediction, ...]:
        classes = () if cls.predictions else (classify(cls.modality),)
        return (*classes, *super().all_predictions())

    @property
    def gives_logits(self) -> bool:
        return True

    @property
    def learns_classes(self) -> bool:
        return True

    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of a sample's target that is spread evenly over all classes (Szegedy et al. 2015, arXiv 1512.00567)."""

    class_weights: Literal["none", "balanced"] | dict[ClassName, Weight] = "none"
    """Weight of each class in the loss. ``balanced``: in inverse proportion to its training samples. Or a weight for
    each class by its name; a class that is not listed has weight 1. Evaluation does not use them."""


def fine_tuning_recipes(
    *,
    batch: int,
    steps: int,
    rate: float,
    added_rate: float,
    large_batch: int,
    large_steps: int,
    large_rate: float,
    **sections: Document,
) -> tuple[Recipe, ...]:
    """Recipes of a task that learns labels. They name no network: it is the checkpoint's, or without one the task's default.

    Args:
        batch: Samples a step of the small ones, for ``steps`` steps.
        rate: Peak learning rate where everything is trained.
        added_rate: Peak learning rate where only the head, or added weights, are trained.
        large_rate: Peak learning rate of the large one.
        sections: Further sections of the spec for all recipes.
    """
    optimizer = {"learning_rate": rate, "weight_decay": 0.05}
    added = some_steps(steps, batch, optimizer | {"learning_rate": added_rate})
    length = f"{steps} steps of {batch} samples: some minutes on a CPU"
    return (
        smoke(
            "60 steps: about a minute on a laptop",
            {**sections, "training": few_steps(16, optimizer)},
        ),
        mini(length, {**sections, "training": some_steps(steps, batch, optimizer)}),
        Recipe(
            "frozen",
            "Head alone",
            f"The encoder stays as it is; {length}",
            {**sections, "adaptation": {"method": "frozen"}, "training": added},
        ),
        Recipe(
            "lora",
            "LoRA",
            f"Low-rank updates and the head; {length}",
            {**sections, "adaptation": {"method": "lora"}, "training": added},
        ),
        base(
            f"{large_steps:,} steps of {large_batch} samples: for a GPU",
            {
                **sections,
                "training": {
                    "steps": large_steps,
                    "batch_size": large_batch,
                    "optimizer": {"learning_rate": large_rate, "weight_decay": 0.05, "layer_decay": 0.75},
                    "schedule": {"warmup_steps": large_steps // 10},
                    "log_every": 50,
                    "evaluate_every": large_steps // 20,
                    "checkpoint_every": large_steps // 10,
                },
                "resources": {"device": "cuda"},
            },
        ),
    )
