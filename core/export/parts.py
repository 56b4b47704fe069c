"""The graphs that a network is exported as: one, or for an encoder with a decoder two."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from core.export.inputs import Axes, inputs_of, tokens
from core.export.network import unsupported

_OUTPUTS = ("logits", "last_hidden_state", "pooler_output")
_HEADS = frozenset({"logits"})
"""Outputs of a head; with one, the encoder's own outputs are left out."""


@dataclass(frozen=True, slots=True)
class Part:
    """One graph.

    Args:
        name: Of its file, without the format's ending.
        network: Takes the inputs in order, and returns a tuple of the outputs.
        axes: Of the inputs, by name, in order.
        make: (batch, length, generator) → the inputs, in order.
    """

    name: str
    network: nn.Module
    axes: Mapping[str, Axes]
    outputs: Sequence[str]
    make: Callable[[int, int, torch.Generator], tuple[Tensor, ...]]


def parts_of(model: PreTrainedModel) -> list[Part]:
    """
    Raises:
        EngineError: ``export_unsupported``.
    """
    network_with_head: Any = model
    if model.config.is_encoder_decoder and network_with_head.get_output_embeddings() is not None:
        return [_encoder(model), _decoder(model)]
    try:
        inputs = inputs_of(model)
    except KeyError as error:
        raise unsupported(type(model).__name__, f"its input {error} is of no known kind") from None
    names = tuple(inputs.axes)

    def make(batch: int, length: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        found = inputs.make(model.config, batch, length, generator)
        return tuple(found[name] for name in names)

    network = _Plain(model, names)
    try:
        with torch.no_grad():
            network.choose(*make(1, 8, torch.Generator().manual_seed(0)))
    except (ValueError, TypeError, RuntimeError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]
        raise unsupported(
            type(model).__name__, f"it does not run on {', '.join(names)} alone: {why}"
        ) from error
    return [Part("model", network.eval(), inputs.axes, network.outputs, make)]


class _Plain(nn.Module):
    """A wrapper with tensors as inputs and outputs."""

    def __init__(self, model: PreTrainedModel, names: Sequence[str]) -> None:
        super().__init__()
        self.model = model
        self._names = list(names)
        # A graph has no state between calls, so the cache for text generation is off.
        self._options: dict[str, Any] = {"use_cache": False} if hasattr(model.config, "use_cache") else {}
        if "return_dict" in inspect.signature(model.forward).parameters:
            self._options["return_dict"] = True
        self.outputs: list[str] = []

    def choose(self, *tensors: Tensor) -> None:
        """Find out which outputs the network has.

        Raises:
            EngineError: ``export_unsupported`` if it has none that is known.
        """
        found = self._run(tensors)
        if isinstance(found, Tensor):
            self.outputs = ["images"]
            return
        present = [name for name in _OUTPUTS if getattr(found, name, None) is not None]
        self.outputs = [name for name in present if name in _HEADS] or present
        if not self.outputs:
            raise unsupported(type(self.model).__name__, "it has no output of a known kind")

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        found = self._run(tensors)
        if isinstance(found, Tensor):
            return (found,)
        return tuple(getattr(found, name) for name in self.outputs)

    def _run(self, tensors: Sequence[Tensor]) -> Any:
        named = dict(zip(self._names, tensors, strict=True))
        return self.model(**named, **self._options)


class _Encoder(nn.Module):
    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.encoder: Any = model.get_encoder()

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        input_ids, attention_mask = tensors
        return (self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state,)


class _Decoder(nn.Module):
    """The decoder with its head, from the encoder's outputs."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model: Any = model

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        input_ids, states, attention_mask = tensors
        found = self.model(
            encoder_outputs=(states,),
            attention_mask=attention_mask,
            decoder_input_ids=input_ids,
            use_cache=False,
            return_dict=True,
        )
        return (found.logits,)


def _encoder(model: PreTrainedModel) -> Part:
    def make(batch: int, length: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        return tuple(tokens(model.config, batch, length, generator).values())

    axes: Axes = {0: "batch", 1: "sequence"}
    return Part(
        "encoder_model",
        _Encoder(model).eval(),
        {"input_ids": axes, "attention_mask": axes},
        ["last_hidden_state"],
        make,
    )


def _decoder(model: PreTrainedModel) -> Part:
    """The inputs have the names that `optimum` gives them."""
    encoder = _Encoder(model).eval()

    def make(batch: int, length: int, generator: torch.Generator) -> tuple[Tensor, ...]:
        read = tokens(model.config, batch, length, generator)
        with torch.no_grad():
            [states] = encoder(*read.values())
        written = torch.randint(0, model.config.vocab_size, (batch, length // 2 + 1), generator=generator)
        return written, states, read["attention_mask"]

    return Part(
        "decoder_model",
        _Decoder(model).eval(),
        {
            "input_ids": {0: "batch", 1: "target"},
            "encoder_hidden_states": {0: "batch", 1: "sequence"},
            "encoder_attention_mask": {0: "batch", 1: "sequence"},
        },
        ["logits"],
        make,
    )
