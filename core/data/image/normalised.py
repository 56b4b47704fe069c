"""Images with the normalisation of a checkpoint."""

import json
from dataclasses import replace
from pathlib import Path

from core.data.image.prepared import PreparedImages
from core.formats.published.names import PREPROCESSOR


def normalised_as(checkpoint: Path, data: PreparedImages) -> PreparedImages:
    """Images with the mean and deviation of the images that a checkpoint was trained on, as its preprocessor says."""
    try:
        settings = json.loads((checkpoint / PREPROCESSOR).read_bytes())
        mean, std = tuple(settings["image_mean"]), tuple(settings["image_std"])
    except (OSError, ValueError, KeyError, TypeError):
        return data
    # A network with an input of its own, such as lightness, keeps its statistics among its weights.
    return replace(data, mean=mean, std=std) if len(mean) == len(std) == data.channels else data
