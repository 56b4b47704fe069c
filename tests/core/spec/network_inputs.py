"""Short constructor of a network's inputs."""

from typing import Any

from core.spec.architectures.base import Inputs

_ANY: dict[str, Any] = {
    "vocabulary_size": 300,
    "sequence_length": 8,
    "image_size": 32,
    "channels": 3,
    "patch_size": 4,
    "clip_samples": 16_000,
    "samples": 2,
    "half": False,
    "device": "cpu",
    "dropout": 0.0,
}


def network_inputs(**given: Any) -> Inputs:
    """The given inputs, and defaults for the others."""
    return Inputs(**(_ANY | given))
