"""The registry of tasks: Seedbed's own, one line each, and those of installed packages.

A package adds a task by an entry point of the group ``seedbed.tasks``: its name is the task's ``kind``, its value
names the class of its spec (``my_package.my_task.spec:MyTask``). The objective is the class that registers itself for
that spec (`core.objectives.base.objective_for`) in the module ``objective`` next to that of the spec.

A package's task that cannot be used is left out and recorded as a `Fault`; all other tasks stay usable.
"""

import importlib
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from core.spec.task import TaskSpec
from core.tasks.packages import Fault, Offer, UnusableTaskError, offers, require

_OURS = {
    "masked_lm": "MaskedLanguageModeling",
    "causal_lm": "CausalLanguageModeling",
    "text_denoising_autoencoder": "TextDenoisingAutoencoder",
    "contrastive": "ContrastiveLearning",
    "masked_autoencoder": "MaskedAutoencoding",
    "self_distillation": "SelfDistillation",
    "rotation": "RotationPrediction",
    "joint_embedding_prediction": "JointEmbeddingPrediction",
    "colorization": "Colorization",
    "denoising_autoencoder": "DenoisingAutoencoder",
    "gan": "GenerativeAdversarialNetwork",
    "masked_spectrogram": "MaskedSpectrogram",
    "wav2vec2": "Wav2Vec2",
    "text_classification": "TextClassification",
    "token_classification": "TokenClassification",
    "image_classification": "ImageClassification",
    "audio_classification": "AudioClassification",
    "speech_recognition": "SpeechRecognition",
}
"""Kind, which is also the folder's name → class in its ``spec.py``. In display order: the first task of a modality is the
default of a new job on such data."""


class _Found(NamedTuple):
    specs: Mapping[str, type[TaskSpec]]
    packages: Mapping[str, str]
    faults: tuple[Fault, ...]


@cache
def _found() -> _Found:
    specs: dict[str, type[TaskSpec]] = {
        kind: getattr(importlib.import_module(f"core.tasks.{kind}.spec"), name)
        for kind, name in _OURS.items()
    }
    found, faults = offers()
    packages: dict[str, str] = {}
    for offer in found:
        try:
            _require_free(offer, packages)
            specs[offer.kind] = require(offer, specs.values())
            packages[offer.kind] = offer.package
        except UnusableTaskError as error:
            faults.append(Fault(offer.package, offer.kind, offer.value, str(error)))
    return _Found(specs, packages, tuple(faults))


def _require_free(offer: Offer, packages: Mapping[str, str]) -> None:
    if offer.kind in _OURS:
        raise UnusableTaskError(f"Seedbed itself has a task {offer.kind!r}; choose another kind")
    if offer.kind in packages:
        raise UnusableTaskError(
            f"the package {packages[offer.kind]} already provides a task {offer.kind!r}, which is used; uninstall one of the two"
        )


def specs() -> Mapping[str, type[TaskSpec]]:
    """The spec of every task by its kind: Seedbed's own first, then those of packages by the package's name."""
    return _found().specs


def packages() -> Mapping[str, str]:
    """Kind → the installed package that provides it; without Seedbed's own tasks."""
    return _found().packages


def faults() -> tuple[Fault, ...]:
    """Entry points of installed packages that cannot be used, each with the reason."""
    return _found().faults


def objective_module(spec: type[TaskSpec]) -> str:
    """The name of the objective's module, which is next to the spec's."""
    return f"{spec.__module__.rpartition('.')[0]}.objective"
