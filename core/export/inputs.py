"""The inputs that a network is exported with, and values of them for the comparison with the original."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

Axes = Mapping[int, str]
"""Dimension → its name, for dimensions of variable size."""

Values = Mapping[str, Tensor]
"""Inputs of a network by the names of its ``forward``."""

_WAVE_UNIT = 400
"""Audio samples for each unit of length."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The inputs of a kind of network.

    Args:
        axes: By the inputs' names.
        make: (config, batch, length, generator) → values. Different lengths give different sizes where sizes are variable.
    """

    axes: Mapping[str, Axes]
    make: Callable[[Any, int, int, torch.Generator], dict[str, Tensor]]


def inputs_of(model: PreTrainedModel) -> Inputs:
    """
    Raises:
        KeyError: its main input is of no known kind.
    """
    config: Any = model.config
    name = model.main_input_name
    if name == "pixel_values" and not hasattr(config, "image_size"):
        return Inputs({name: {0: "batch", 2: "height", 3: "width"}}, _images)
    if name == "input_values" and hasattr(config, "num_mel_bins") and hasattr(config, "max_length"):
        return Inputs({name: {0: "batch"}}, _spectrograms)
    if name == "input_values":
        # Networks with a norm over the batch's lengths were trained on padded recordings without a mask.
        masked = getattr(config, "feat_extract_norm", "layer") == "layer"
        axes: dict[str, Axes] = {name: {0: "batch", 1: "samples"}}
        return Inputs(
            axes | ({"attention_mask": {0: "batch", 1: "samples"}} if masked else {}),
            _masked_waves if masked else _waves,
        )
    return _INPUTS[name]


def sizes(model: PreTrainedModel) -> list[tuple[int, int]]:
    """(batch, length) of the inputs for the comparison: the smallest, the longest, and one in between."""
    limit = _longest(model.config)
    return [(1, 1), (2, limit), (3, max(1, limit // 3))]


def example_length(model: PreTrainedModel) -> int:
    """The length for tracing the network: different from the lengths used for the comparison."""
    return min(7, _longest(model.config))


def _longest(config: Any) -> int:
    """The longest sequence used for the comparison."""
    return min(64, int(getattr(config, "max_position_embeddings", None) or 64))


def tokens(config: Any, batch: int, length: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Token ids, with padding at the end of the last sample where it is long enough to have some."""
    ids = torch.randint(0, config.vocab_size, (batch, length), generator=generator)
    padding = config.pad_token_id
    if padding is not None:
        # Classifiers of causal networks find the last token of a text by its not being padding.
        ids[ids == padding] = (padding + 1) % config.vocab_size
    mask = torch.ones(batch, length, dtype=torch.int64)
    if length > 2:
        mask[-1, -(length // 3) :] = 0
    return {"input_ids": ids.masked_fill(mask == 0, padding or 0), "attention_mask": mask}


def _pixels(config: Any, batch: int, _length: int, generator: torch.Generator) -> dict[str, Tensor]:
    size = config.image_size
    height, width = (size, size) if isinstance(size, int) else size
    return {"pixel_values": torch.randn(batch, config.num_channels, height, width, generator=generator)}


def _images(config: Any, batch: int, length: int, generator: torch.Generator) -> dict[str, Tensor]:
    height, width = 32 + length, 33 + 2 * (length % 16)
    return {"pixel_values": torch.randn(batch, config.num_channels, height, width, generator=generator)}


def _spectrograms(config: Any, batch: int, _length: int, generator: torch.Generator) -> dict[str, Tensor]:
    return {"input_values": torch.randn(batch, config.max_length, config.num_mel_bins, generator=generator)}


def _waves(_config: Any, batch: int, length: int, generator: torch.Generator) -> dict[str, Tensor]:
    return {"input_values": torch.randn(batch, _WAVE_UNIT * (length + 4), generator=generator)}


def _masked_waves(config: Any, batch: int, length: int, generator: torch.Generator) -> dict[str, Tensor]:
    waves = _waves(config, batch, length, generator)["input_values"]
    mask = torch.ones(waves.shape, dtype=torch.int64)
    if length > 2:
        mask[-1, -_WAVE_UNIT * (length // 3) :] = 0
    return {"input_values": waves * mask, "attention_mask": mask}


def _latents(config: Any, batch: int, _length: int, generator: torch.Generator) -> dict[str, Tensor]:
    return {"latents": torch.randn(batch, config.latent_size, generator=generator)}


_SEQUENCE: Axes = {0: "batch", 1: "sequence"}
_INPUTS: dict[str, Inputs] = {
    "input_ids": Inputs({"input_ids": _SEQUENCE, "attention_mask": _SEQUENCE}, tokens),
    "pixel_values": Inputs({"pixel_values": {0: "batch"}}, _pixels),
    "latents": Inputs({"latents": {0: "batch"}}, _latents),
}
