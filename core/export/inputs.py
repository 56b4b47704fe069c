"""Inputs of networks in the `transformers` layout, by the name of the main input: one entry per modality.

Every network whose main input is listed here can be exported without further code.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

Axes = Mapping[int, str]
"""Dimension → its name, for dimensions of variable size."""

Make = Callable[[Any, int, int, torch.Generator], Tensor]
"""(config, batch, length, generator) → an input."""


@dataclass(frozen=True, slots=True)
class Input:
    """One input of a network."""

    name: str
    axes: Axes
    make: Make


def inputs_of(model: PreTrainedModel) -> list[Input]:
    """The inputs that a network is exported with.

    Raises:
        KeyError: its main input is not listed here.
    """
    inputs = list(_INPUTS[model.main_input_name])
    if model.config.is_encoder_decoder:
        inputs.append(Input("decoder_input_ids", {0: "batch", 1: "target"}, _tokens))
    return inputs


def lengths(model: PreTrainedModel) -> list[tuple[int, int]]:
    """(batch, length) of the inputs for the comparison: the smallest, the longest, and one in between."""
    limit = _longest(model.config)
    return [(1, 1), (2, limit), (3, max(1, limit // 3))]


def example_length(model: PreTrainedModel) -> int:
    """The length for tracing the network: different from the lengths used for the comparison."""
    return min(7, _longest(model.config))


def _longest(config: Any) -> int:
    """The longest sequence used for the comparison."""
    return min(64, int(getattr(config, "max_position_embeddings", None) or 64))


def _tokens(config: Any, batch: int, length: int, generator: torch.Generator) -> Tensor:
    return torch.randint(0, config.vocab_size, (batch, length), generator=generator)


def _mask(_config: Any, batch: int, length: int, _generator: torch.Generator) -> Tensor:
    """Padding at the end of the last sample, where it is long enough to have some."""
    mask = torch.ones(batch, length, dtype=torch.int64)
    if length > 2:
        mask[-1, -(length // 3) :] = 0
    return mask


def _image(config: Any, batch: int, _length: int, generator: torch.Generator) -> Tensor:
    size = config.image_size
    height, width = (size, size) if isinstance(size, int) else size
    return torch.randn(batch, config.num_channels, height, width, generator=generator)


def _waveform(_config: Any, batch: int, length: int, generator: torch.Generator) -> Tensor:
    return torch.randn(batch, 400 * (length + 4), generator=generator)


_SEQUENCE: Axes = {0: "batch", 1: "sequence"}
_INPUTS: dict[str, tuple[Input, ...]] = {
    "input_ids": (Input("input_ids", _SEQUENCE, _tokens), Input("attention_mask", _SEQUENCE, _mask)),
    "pixel_values": (Input("pixel_values", {0: "batch"}, _image),),
    "input_values": (Input("input_values", {0: "batch", 1: "samples"}, _waveform),),
}
