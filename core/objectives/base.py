"""The contract between a pretraining task and the training loop.

A task is one file in this package, named after its spec's ``kind``, with one class registered for
its spec. The loop knows objectives by this contract alone, so adding a task changes nothing else.
"""

import abc
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.checkpoints.bundle import Bundle
from core.data import Prepared, Samples, SplitName
from core.errors import EngineError
from core.networks.encoder import Encoder
from core.spec.base import Spec
from core.spec.job import JobSpec

NamedParameters = list[tuple[str, nn.Parameter]]

_BLOCK = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs and targets of some samples."""

    tensors: Mapping[str, Tensor]
    count: int
    """Terms that the batch's summed losses have: what they are divided by, over all parts."""
    samples: int
    tokens: int

    def to(self, device: torch.device) -> "Batch":
        """The same batch on ``device``; the copy overlaps with computation where it can."""
        if device.type == "cpu":
            return self
        moved = {name: t.pin_memory().to(device, non_blocking=True) for name, t in self.tensors.items()}
        return replace(self, tensors=moved)


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses of a batch as sums over its terms, so that parts add up before one division."""

    total: Tensor
    """What is minimised, scalar, with gradient."""
    named: Mapping[str, Tensor]
    """Its parts for the log as ``train/<name>``, scalars without gradient; empty where the total says it all."""


@dataclass(frozen=True, slots=True)
class Shown:
    """Something for people to look at: a continued text, a grid of reconstructions."""

    name: str
    """Lower case words joined by ``_``; the same kind of thing has the same name at each step."""
    media_type: Literal["text/plain", "image/png"]
    content: bytes


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that a person should know of a run that goes on: a ``warning`` event."""

    code: str
    message: str
    """What is wrong, and what to change."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """What `message` is made of."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One pass over a step's batch, forward and backward, and the optimisers that step after it."""

    forward: Callable[[Batch], Losses]
    optimizers: Sequence[str]
    """Their names in `Objective.optimizers`."""


class Objective(nn.Module, abc.ABC):
    """A pretraining task: its networks, what they are fed and what they are asked.

    ``forward(batch)`` returns `Losses`; it runs under autocast and in training mode.
    """

    @classmethod
    @abc.abstractmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        """The objective of ``job``, with fresh networks on the CPU that depend on its seed alone."""

    @abc.abstractmethod
    def samples(self, split: SplitName) -> Samples:
        """A part of the data, cut into what one sample is to this task."""

    @abc.abstractmethod
    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        """Training inputs and targets from raw samples, on the CPU.

        Runs in a thread beside the loop: it must be a function of its arguments and touch neither
        the networks nor torch's generators.

        Args:
            rows: raw samples, shape (B, …).
            samples: their ids, shape (B,).
            key: names the step; randomness is drawn from (key, sample) alone.
        """

    @abc.abstractmethod
    def forward(self, batch: Batch) -> Losses:
        """Summed losses of a batch on the networks' device."""

    @abc.abstractmethod
    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        """Measures (``eval/…``) on the held-out samples at ``indices``; the same whenever it is asked.

        Runs under autocast, in evaluation mode and without gradient.
        """

    def show(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Shown]:
        """What the network makes of some held-out samples, for people; the same whenever it is asked.

        Runs after each evaluation, as it does. By default there is nothing to see.
        """
        return ()

    def concerns(self, values: Mapping[str, float]) -> Sequence[Concern]:
        """What is worrying about the measures that `evaluate` just gave: told once, while it lasts, and with
        ``on_collapse: pause`` a reason to pause. By default nothing is."""
        return ()

    def preview(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Sequence[Shown] | None:
        """What the networks would be fed of some training samples at the step that ``key`` names, for people.

        By default (None) the networks' inputs are caught and shown as `denormalised` pictures or by `as_text`. A task
        that damages or hides something inside its networks says here what.
        """
        return None

    def denormalised(self, values: Tensor) -> Tensor:
        """Pictures in 0 … 1 of what an image network is fed, (B, C, H, W); by default as they are."""
        return values

    def as_text(self, ids: NDArray[np.int64]) -> str | None:
        """What token ids, (L,), stand for; by default nobody knows."""
        return None

    @property
    def learned_encoder(self) -> Encoder | None:
        """The encoder that the task learns and a checkpoint opens as; None where it learns none."""
        return None

    def start_from_encoder(self, directory: Path) -> None:
        """Take the encoder's weights from a checkpoint of this or another task; all else stays fresh.

        Raises:
            EngineError: ``spec_invalid`` where the task learns none, ``checkpoint_mismatch`` where they do not fit.
        """
        encoder = self.learned_encoder
        if encoder is None:
            raise EngineError(
                "spec_invalid",
                "This task learns no encoder that could start from another's weights.",
                "Leave `start` out of the spec, or set start.scope to all to go on with the same task.",
            )
        encoder.load(directory)

    def encode(self, rows: NDArray[Any]) -> Tensor | None:
        """Features of raw samples, shape (B, D), for probes and measures of the representation.

        Runs as `evaluate` does. None where the task learns no encoder of whole samples.
        """
        return None

    @property
    @abc.abstractmethod
    def bundle(self) -> Bundle:
        """What a checkpoint holds of this task: which networks, which tensors beside them, which preprocessor.

        It is written in a thread beside the loop, from a copy of ``state_dict()``: of the networks it may use the
        configuration, and not the weights, which have moved on.
        """

    def export(self, directory: Path, state: Mapping[str, Tensor]) -> None:
        """Write ``state``, a copy of ``state_dict()`` on the CPU, as the `bundle` says, into an empty directory."""
        self.bundle.write(directory, state)

    def restore(self, directory: Path) -> None:
        """Take the weights back from what `export` wrote.

        Raises:
            EngineError: ``checkpoint_mismatch`` where they do not fit these networks.
        """
        self.bundle.read(directory, self)
        self.restored()

    def restored(self) -> None:
        """Called after the state was read from a checkpoint: where numbers on the host follow buffers."""

    def optimizers(self) -> Mapping[str, NamedParameters]:
        """Which parameters go to which optimiser, by the optimiser's name."""
        return {"main": list(self.named_parameters())}

    def phases(self) -> Sequence[Phase]:
        """What a step does with its batch, one after the other; by default one pass for all optimisers.

        A game for two has a phase for each player. A phase's losses must reach no parameters but its own optimisers'.
        """
        return (Phase(self, tuple(self.optimizers())),)

    def block_of(self, name: str) -> int | None:
        """The block of its stack, from 0 at the input, that a parameter belongs to; None: of no block.

        By default read off its name, as `transformers` and torch name stacks: ``….layer.3.…``. What lies before the
        blocks is taken for embeddings and what lies behind for the head, in the order of `named_parameters`.
        """
        found = _BLOCK.search(name)
        return int(found[1]) if found else None

    def after_step(self, step: int) -> None:
        """Called after the optimisers have done step ``step``: where averaged teachers move."""

    def compile_networks(self) -> None:
        """Have the networks compiled by ``torch.compile``, in place."""

    @property
    def parameter_count(self) -> int:
        """Trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)


OBJECTIVES: dict[type[Spec], type[Objective]] = {}
_O = TypeVar("_O", bound=type[Objective])


def objective_for(spec: type[Spec]) -> Callable[[_O], _O]:
    """Class decorator: this objective serves tasks of ``spec``."""

    def register(cls: _O) -> _O:
        OBJECTIVES[spec] = cls
        return cls

    return register


def chunks(indices: NDArray[np.int64], size: int) -> Iterable[NDArray[np.int64]]:
    """``indices`` in order, ``size`` at a time."""
    return (indices[start : start + size] for start in range(0, len(indices), size))
