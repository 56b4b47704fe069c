"""Recipes: named starting points for a job, as differences from a spec's defaults.

The dashboard's form offers them, ``seedbed task spec`` prints them, and the benchmarks train with the same recipes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

Document = Mapping[str, Any]
NOTHING: Document = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Recipe:
    """A spec without name and dataset."""

    name: str
    """A name such as ``mini``: unique within a task, and of a similar size of training across tasks."""
    title: str
    """Title for people: ``Mini``."""
    description: str
    """Which network is trained, for how long, and on what kind of machine."""
    document: Document
    """Sections of the spec, ``task`` without its kind."""

    def spec(self, kind: str) -> dict[str, Any]:
        """The document of a job of that task."""
        own = {key: value for key, value in self.document.items() if key != "task"}
        return {"task": {"kind": kind, **self.document.get("task", {})}, **own}


def smoke(description: str, document: Document) -> Recipe:
    """A smoke test: shows in about a minute that everything works."""
    return Recipe("smoke", "Smoke test", description, document)


def mini(description: str, document: Document) -> Recipe:
    """Trains for some minutes on a CPU, long enough to learn something."""
    return Recipe("mini", "Mini", description, document)


def base(description: str, document: Document) -> Recipe:
    """The published configuration, for a GPU."""
    return Recipe("base", "Base", description, document)


def text_recipes(
    *,
    tiny: str,
    small: str,
    large: str,
    batch: int,
    parts: int,
    length: int,
    rate: float,
    warmup: int,
    minutes: str = "some minutes",
    **optimizer: float,
) -> tuple[Recipe, ...]:
    """Recipes of a text task: three networks by preset, and the training of the largest.

    Args:
        batch: Sequences a step, in ``parts`` micro-batches.
        length: Tokens a sequence.
        rate: Peak learning rate, after ``warmup`` steps.
        minutes: How long ``small`` takes on a CPU.
        optimizer: Further fields of the optimiser.
    """
    return (
        smoke(
            f"{tiny}, 60 steps: under a minute on a laptop",
            {
                "model": {"preset": tiny},
                "training": {
                    "steps": 60,
                    "batch_size": 16,
                    "sequence_length": 64,
                    "optimizer": {"learning_rate": 0.001},
                    "schedule": {"warmup_steps": 6},
                    "log_every": 2,
                    "evaluate_every": 20,
                },
                "data": {"tokenizer": {"vocabulary_size": 2048}},
            },
        ),
        mini(
            f"{small}, 600 steps: {minutes} on a CPU",
            {
                "model": {"preset": small},
                "training": {
                    "steps": 600,
                    "batch_size": 32,
                    "sequence_length": 128,
                    "schedule": {"warmup_steps": 50},
                    "evaluate_every": 100,
                    "checkpoint_every": 200,
                },
            },
        ),
        base(
            f"{large}, 100,000 steps of {batch:,} × {length:,} tokens: for a GPU",  # noqa: RUF001 - as sizes are written
            {
                "model": {"preset": large},
                "training": {
                    "steps": 100_000,
                    "batch_size": batch,
                    "accumulation_steps": parts,
                    "sequence_length": length,
                    "optimizer": {"learning_rate": rate, **optimizer},
                    "schedule": {"warmup_steps": warmup},
                    **_RARELY,
                },
                "data": {"tokenizer": {"vocabulary_size": 30_000}},
                "resources": {"device": "cuda"},
            },
        ),
    )


def image_recipes(
    *,
    preset: str,
    steps: int,
    batch: int,
    rate: float,
    large: str,
    large_batch: int,
    large_rate: float,
    large_steps: int,
    parts: int = 1,
    task: Document = NOTHING,
    large_task: Document = NOTHING,
) -> tuple[Recipe, ...]:
    """Recipes of an image task: a small network that was shown to learn on two CPU cores, and a published one.

    The smoke test is the small one with few steps and small batches; the large one is for 224 pixels a side.

    Args:
        steps: Of the small one, with ``batch`` images each.
        rate: Peak learning rate of the small one.
        parts: Micro-batches of a step of the large one.
        task: Fields of the task for the small one.
        large_task: Fields of the task for the large one.
    """
    return (
        smoke(
            f"{preset}, 60 steps: about a minute on a laptop",
            {**_task(task), "model": {"preset": preset}, "training": few_steps(32, _adamw(rate / 2))},
        ),
        mini(
            f"{preset}, {steps} steps of {batch} images: some minutes on a CPU",
            {**_task(task), "model": {"preset": preset}, "training": some_steps(steps, batch, _adamw(rate))},
        ),
        base(
            f"{large}, {large_steps:,} steps of {large_batch:,} images: for a GPU",
            {
                **_task(large_task),
                "model": {"preset": large},
                "training": {
                    "steps": large_steps,
                    "batch_size": large_batch,
                    **({"accumulation_steps": parts} if parts > 1 else {}),
                    "optimizer": _adamw(large_rate),
                    "schedule": {"warmup_steps": large_steps // 20},
                    **_RARELY,
                },
                "data": {"image": {"size": 224}},
                "resources": {"device": "cuda"},
            },
        ),
    )


def audio_recipes(
    *,
    network: str,
    model: Document,
    batch: int,
    rate: float,
    smoke_rate: float,
    large: str,
    large_batch: int,
    large_rate: float,
    task: Document,
) -> tuple[Recipe, ...]:
    """Recipes of an audio task: a small network that was shown to learn on two CPU cores, and a published one.

    Args:
        network: What ``model`` is, for people.
        batch: Clips a step of the small one.
        rate: Its peak learning rate; ``smoke_rate`` in the smoke test.
        task: Fields of the task for the small one.
    """
    small = {"task": task, "model": model, "data": {"audio": {"sampling_rate": 8000}}}
    return (
        smoke(
            f"{network}, 60 steps: about a minute on a laptop",
            {**small, "training": few_steps(16, _adamw(smoke_rate))},
        ),
        mini(
            f"{network}, 600 steps of {batch} clips: some minutes on a CPU",
            {**small, "training": some_steps(600, batch, _adamw(rate))},
        ),
        base(
            f"{large}, 100,000 steps of {large_batch} clips: for a GPU",
            {
                "model": {"preset": large},
                "training": {
                    "steps": 100_000,
                    "batch_size": large_batch,
                    "accumulation_steps": 8,
                    "optimizer": _adamw(large_rate),
                    "schedule": {"warmup_steps": 8000},
                    **_RARELY,
                },
                "resources": {"device": "cuda"},
            },
        ),
    )


_RARELY: Document = {"log_every": 50, "evaluate_every": 2000, "checkpoint_every": 5000}


def few_steps(batch: int, optimizer: Document, **more: Any) -> dict[str, Any]:
    """Training of a smoke test."""
    return {
        "steps": 60,
        "batch_size": batch,
        "optimizer": optimizer,
        "schedule": {"warmup_steps": 6},
        "log_every": 2,
        "evaluate_every": 20,
        **more,
    }


def some_steps(steps: int, batch: int, optimizer: Document, **more: Any) -> dict[str, Any]:
    """Training for some minutes on a CPU."""
    return {
        "steps": steps,
        "batch_size": batch,
        "optimizer": optimizer,
        "schedule": {"warmup_steps": steps // 20},
        "evaluate_every": 100,
        "checkpoint_every": 200,
        **more,
    }


def _adamw(rate: float) -> dict[str, float]:
    return {"learning_rate": rate, "weight_decay": 0.05, "beta2": 0.95}


def _task(fields: Document) -> dict[str, Any]:
    return {"task": fields} if fields else {}
