"""Which tasks there are: ours, one line each, and those of installed packages.

A package brings a task by an entry point of the group ``seedbed.tasks``: its name is the task's ``kind``, its value
names the class of its spec (``my_package.my_task.spec:MyTask``). The objective is the class that registers itself for
that spec (`core.objectives.base.objective_for`) in the module ``objective`` beside the one of the spec.
"""

import importlib
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import get_args

from core.spec.task import TaskSpec

GROUP = "seedbed.tasks"
"""The group of entry points by which installed packages bring tasks."""

_OURS = {
    "causal_lm": "CausalLanguageModeling",
    "colorization": "Colorization",
    "contrastive": "ContrastiveLearning",
    "denoising_autoencoder": "DenoisingAutoencoder",
    "gan": "GenerativeAdversarialNetwork",
    "joint_embedding_prediction": "JointEmbeddingPrediction",
    "masked_autoencoder": "MaskedAutoencoding",
    "masked_lm": "MaskedLanguageModeling",
    "masked_spectrogram": "MaskedSpectrogram",
    "rotation": "RotationPrediction",
    "self_distillation": "SelfDistillation",
    "text_denoising_autoencoder": "TextDenoisingAutoencoder",
    "wav2vec2": "Wav2Vec2",
}
"""Kind, which is also the folder's name → class in its ``spec.py``."""


class TaskRegistrationError(RuntimeError):
    """An installed package offers a task that cannot be one."""


@cache
def specs() -> dict[str, type[TaskSpec]]:
    """The spec of every task by its kind, ordered by kind.

    Raises:
        TaskRegistrationError: a package's entry point cannot be loaded, names no task's spec, or takes a kind twice.
    """
    found: dict[str, type[TaskSpec]] = {}
    for kind, name in _OURS.items():
        found[kind] = getattr(importlib.import_module(f"core.tasks.{kind}.spec"), name)
    for entry in entry_points(group=GROUP):
        if entry.name in found:
            raise TaskRegistrationError(
                f"{_named(entry)}: there is a task {entry.name!r} already; name it otherwise"
            )
        found[entry.name] = _load(entry)
    return dict(sorted(found.items()))


def _load(entry: EntryPoint) -> type[TaskSpec]:
    try:
        spec = entry.load()
    except Exception as error:
        raise TaskRegistrationError(f"{_named(entry)} cannot be loaded: {error}") from error
    if not (isinstance(spec, type) and issubclass(spec, TaskSpec)):
        raise TaskRegistrationError(f"{_named(entry)} is no subclass of core.spec.task.TaskSpec")
    kind = spec.model_fields.get("kind")
    if kind is None or get_args(kind.annotation) != (entry.name,):
        raise TaskRegistrationError(
            f"{_named(entry)} must have the field `kind: Literal[{entry.name!r}] = {entry.name!r}`, "
            "as the entry point is named"
        )
    return spec


def _named(entry: EntryPoint) -> str:
    package = f" of the package {entry.dist.name}" if entry.dist else ""
    return f"The task {entry.name!r}{package} ({entry.value}, entry point group {GROUP!r})"


def objective_module(spec: type[TaskSpec]) -> str:
    """The module of the objective: beside the spec's."""
    return f"{spec.__module__.rpartition('.')[0]}.objective"
