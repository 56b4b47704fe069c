"""The contract between a task's objective and the training loop.

The objective of a task stands in ``core/tasks/<kind>/objective.py``: one class, registered for the task's spec with
`objective_for`. The loop uses objectives only through this contract, so adding a task changes nothing else.
"""

import abc
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.adaptation.base import Adapted
from core.checkpoints.bundle import BASE, Bundle
from core.data import Prepared, Samples, SplitName
from core.errors import EngineError
from core.evaluation.outcomes.base import Outcomes
from core.networks.encoder import Encoder
from core.objectives.predictions import Predictor
from core.spec.base import Spec
from core.spec.job import JobSpec

NamedParameters = list[tuple[str, nn.Parameter]]

_BLOCK = re.compile(r"(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs and targets of some samples."""

    tensors: Mapping[str, Tensor]
    count: int
    """Number of terms in the batch's summed losses, over all micro-batches; the sums are divided by it."""
    samples: int
    tokens: int
    ids: NDArray[np.int64] | None = None
    """Ids of its samples, shape (B,), those of a second source counted on; None where they are not known."""

    def to(self, device: torch.device) -> "Batch":
        """The same batch on ``device``; the copy overlaps with computation where it can."""
        if device.type == "cpu":
            return self
        moved = {name: t.pin_memory().to(device, non_blocking=True) for name, t in self.tensors.items()}
        return replace(self, tensors=moved)


@dataclass(frozen=True, slots=True)
class Losses:
    """Losses of a batch as sums over its terms, so that those of all micro-batches can be added before one division."""

    total: Tensor
    """What is minimised, scalar, with gradient."""
    named: Mapping[str, Tensor]
    """Its components for the log as ``train/<name>``, scalars without gradient; empty if there is only one."""


REPORT: Final = "application/json"
"""Media type of a report: a JSON document with its ``kind``, a table or a picture of the newest evaluation."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An output to be shown to people: a continued text, a grid of reconstructions."""

    name: str
    """Lower case words joined by ``_``; the same kind of output has the same name at each step."""
    media_type: Literal["text/plain", "image/png", "application/json"]
    content: bytes


@dataclass(frozen=True, slots=True)
class Concern:
    """A problem that people should know of while the run continues; reported as a ``warning`` event."""

    code: str
    message: str
    """What is wrong, and what to change."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of `message`."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One forward and backward pass over a step's batch, and the optimisers that step after it."""

    forward: Callable[[Batch], Losses]
    optimizers: Sequence[str]
    """Their names in `Objective.optimizers`."""


class Objective(nn.Module, abc.ABC):
    """A task: its networks, their inputs and their losses.

    ``forward(batch)`` returns `Losses`; it runs under autocast and in training mode.
    """

    measures_representation: ClassVar[bool] = True
    """Whether the loop measures the features from `encode` during training (`core.training.probing`). A task that
    learns labels is judged by its own measures."""

    compares_samples: ClassVar[bool] = False
    """Whether the loss of a sample depends on the others of its micro-batch, also in evaluation mode."""

    @classmethod
    @abc.abstractmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        """The objective of ``job``, with fresh networks on the CPU that depend on its seed alone."""

    @abc.abstractmethod
    def samples(self, split: SplitName) -> Samples:
        """A split of the data, divided into samples as this task defines them."""

    @abc.abstractmethod
    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        """Training inputs and targets from raw samples, on the CPU.

        Runs in a thread beside the loop: its result must depend on its arguments alone, and it must use neither
        the networks nor torch's generators.

        Args:
            rows: raw samples, shape (B, …).
            samples: their ids, shape (B,).
            key: names the step; randomness is drawn from (key, sample) alone.
        """

    def joined(self, rows: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Raw samples of several data as one array for `collate`, shape (B, …).

        Raises:
            ValueError: samples of different shapes cannot be in one batch.
        """
        kinds = {(part.dtype, part.shape[1:]) for part in rows}
        if len(kinds) > 1:
            raise ValueError("samples of different shapes cannot be in one batch")
        return np.concatenate(rows) if len(rows) > 1 else rows[0]

    def also_learn(self, other: Self, samples: NDArray[np.int64]) -> None:
        """Have `collate` know further samples, by the numbers that follow those that it knows.

        By default nothing: a task without labels needs only their rows.

        Args:
            other: An objective of the same task that reads other data.
            samples: Which of its training samples, shape (N,).
        """

    @abc.abstractmethod
    def forward(self, batch: Batch) -> Losses:
        """Summed losses of a batch on the networks' device."""

    def compute(self, batch: Batch) -> None:
        """Run the networks on a batch as `forward` does, for what can be observed inside them.

        A task that learns labels does not compare them here: this network may know other classes than the batch's data have.
        """
        self.forward(batch)

    def logits(self, batch: Batch) -> Tensor:
        """The outputs whose softmax the task's loss compares with its targets, shape (N, C), one row a term of the loss.

        Rows that only pad the batch's shape may follow; `weighed` tells them apart. Only for a task whose spec has
        ``gives_logits``.
        """
        raise NotImplementedError

    def losses_of(self, logits: Tensor, batch: Batch) -> Losses:
        """What `forward` returns, from the `logits` of the same batch."""
        raise NotImplementedError

    def weighed(self, batch: Batch) -> Tensor | None:
        """Which rows of `logits` are terms of the loss, bool (N,). None: all."""
        return None

    def knowing(self, classes: Sequence[str]) -> AbstractContextManager[None]:
        """Have the network know only the first classes within the context, to load weights of a network that knows no others.

        Args:
            classes: Names of these classes. None: it knows all, as a network without classes always does.
        """
        assert not classes
        return nullcontext()

    def answer_among(self, classes: Sequence[int]) -> None:
        """Have the answer of each of the data's samples be among some classes, by their numbers, in training and evaluation.

        By default ignored: the task assigns no classes.
        """
        del classes

    @abc.abstractmethod
    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        """Measures (``eval/…``) on the held-out samples at ``indices``; every call gives the same result.

        Runs under autocast, in evaluation mode and without gradient.
        """

    def outcomes(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> Outcomes | None:
        """Predictions of the samples at ``indices`` beside what is true, in their order; runs as `evaluate` does.

        Confidence intervals of the measures come from them. None (the default) if `evaluate` measures no single samples.
        """
        return None

    def seen(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Mapping[str, Any]]:
        """What people see of some samples in the documents of `outcomes`, such as a text or an image. By default nothing."""
        return [{} for _ in indices]

    def show(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Shown]:
        """The network's outputs for some held-out samples, for people; every call gives the same result.

        Runs after each evaluation, in the same mode. By default empty.
        """
        return ()

    def reports(
        self,
        samples: Samples,
        indices: NDArray[np.int64],
        batch_size: int,
    ) -> Sequence[Shown]:
        """Tables and pictures of the evaluation of the held-out samples at ``indices``, as documents of `REPORT`.

        Those of a later evaluation replace them. Runs after `evaluate`, in the same mode. By default empty.
        """
        return ()

    def concerns(self, values: Mapping[str, float]) -> Sequence[Concern]:
        """Problems in the measures that `evaluate` just returned. Each is reported once while it lasts, and with
        ``on_collapse: pause`` it pauses the run. By default none."""
        return ()

    def notices(self) -> Sequence[Concern]:
        """What people should know about the samples: reported once as a ``warning`` event when a run begins. By default nothing."""
        return ()

    def preview(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Sequence[Shown] | None:
        """The networks' inputs for some training samples at the step that ``key`` names, for people.

        By default (None) the networks' inputs are recorded and shown as `denormalised` pictures or by `as_text`. A task
        whose networks corrupt or mask the inputs themselves shows the corrupted inputs here.
        """
        return None

    def denormalised(self, values: Tensor) -> Tensor:
        """Pictures in 0 … 1 from an image network's inputs, (B, C, H, W); by default unchanged."""
        return values

    def as_text(self, ids: NDArray[np.int64]) -> str | None:
        """The text of token ids, (L,); by default None."""
        return None

    @property
    def learned_encoder(self) -> Encoder | None:
        """The encoder that the task trains and that a checkpoint opens as; None if it trains no encoder."""
        return None

    def start_from_encoder(self, directory: Path) -> None:
        """Load the encoder's weights from a checkpoint of this or another task; other weights stay as initialised.

        Raises:
            EngineError: ``spec_invalid`` if the task trains none, ``checkpoint_mismatch`` where they do not fit.
        """
        encoder = self.learned_encoder
        if encoder is None:
            raise EngineError(
                "spec_invalid",
                "This task trains no encoder, so it cannot start from another checkpoint's encoder.",
                "Leave `start` out of the spec, or set start.scope to all to continue with the same task.",
                case="no_encoder",
            )
        encoder.load(directory)

    def start_from_published(self, directory: Path) -> list[str]:
        """Load all weights that a network of `transformers` in a directory has in common with this task's.

        Returns:
            The names of the weights that are not there and stay as initialised.

        Raises:
            EngineError: ``checkpoint_mismatch`` where they do not fit.
        """
        missing = self.bundle.read_published(directory, self)
        self.restored()
        return missing

    def encode(self, rows: NDArray[Any]) -> Tensor | None:
        """Features of raw samples, shape (B, D), for probes and measures of the representation.

        Runs in the same mode as `evaluate`. None if the task trains no encoder of whole samples.
        """
        return None

    adapted: Adapted = Adapted()
    """What an adaptation changed about its networks; by default nothing."""

    def begin_step(self, step: int) -> None:
        """Called before the step ``step``, from 1: an adaptation may train more than in the step before."""
        if self.adapted.begin_step(step) and self.training:
            self.train()

    def train(self, mode: bool = True) -> Self:  # noqa: FBT001, FBT002 - torch's own
        super().train(mode)
        if mode:
            self.adapted.hold()
        return self

    @property
    @abc.abstractmethod
    def bundle(self) -> Bundle:
        """The content of this task's checkpoints without an adaptation: networks, further tensors, preprocessor.

        It is written in a thread beside the loop, from a copy of ``state_dict()``. It may use the networks'
        configuration but not their weights, which later steps have already changed.
        """

    @property
    def stored(self) -> Bundle:
        """The content of checkpoints: `bundle`, and what an adaptation adds to the network in the checkpoint's root."""
        bundle = self.bundle
        root = bundle.root
        networks = [self.adapted.stored(one) if one is root else one for one in bundle.networks]
        return replace(bundle, networks=networks)

    def export(self, directory: Path, state: Mapping[str, Tensor]) -> None:
        """Write ``state``, a copy of ``state_dict()`` on the CPU, as `stored` says, into an empty directory."""
        self.stored.write(directory, state)

    def restore(self, directory: Path) -> None:
        """Load the weights from what `export` wrote.

        Raises:
            EngineError: ``checkpoint_mismatch`` where they do not fit these networks.
        """
        self.stored.read(directory, self)
        self.restored()

    def start_from_weights(self, directory: Path) -> None:
        """Load all weights from a checkpoint of another job of the same task.

        Raises:
            EngineError: ``checkpoint_mismatch`` where they do not fit these networks.
        """
        self.restore(directory)

    def restore_below(self, directory: Path, *, layers: bool) -> None:
        """Load the weights of a checkpoint of an adapted network, without what its adaptation added.

        Args:
            layers: Whether it has such layers. False: all its weights are loaded, as `export` wrote them without an adaptation.

        Raises:
            EngineError: ``checkpoint_mismatch`` where they do not fit these networks.
        """
        bundle = self.bundle
        if layers and (directory / BASE).is_dir():
            networks = [replace(one, folder=BASE) if one is bundle.root else one for one in bundle.networks]
            bundle = replace(bundle, networks=networks)
        bundle.read(directory, self, partly=layers)
        self.restored()

    def restored(self) -> None:
        """Called after the state was read from a checkpoint: updates copies of buffers on the host."""

    def open(self, directory: Path) -> None:
        """Load the weights from a checkpoint for predictions, on an objective that was created without the job's data.

        Tensors that only training needs are ignored where this objective has none of them. A task that measures the
        training data when it is created takes over what the checkpoint says about them.

        Raises:
            EngineError: ``checkpoint_mismatch`` where a weight is missing or has another shape.
        """
        self.stored.read(directory, self, partly=True)
        self.restored()

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        """How a checkpoint answers the kinds of prediction that the spec lists, by kind; used after `open`, in evaluation
        mode and without gradient. Features of samples need no entry: every encoder gives them."""
        return {}

    def optimizers(self) -> Mapping[str, NamedParameters]:
        """Which parameters go to which optimiser, by the optimiser's name."""
        return {"main": list(self.named_parameters())}

    def phases(self) -> Sequence[Phase]:
        """The passes of a step over its batch, in order; by default one pass for all optimisers.

        A GAN has one phase for each network. A phase's losses must have gradients only for its own optimisers'
        parameters.
        """
        return (Phase(self, tuple(self.optimizers())),)

    def block_of(self, name: str) -> int | None:
        """The block of its stack, from 0 at the input, that a parameter belongs to; None: of no block.

        By default read off its name, as `transformers` and torch name stacks: ``….layer.3.…``. Parameters before the
        blocks count as embeddings and those after them as the head, in the order of `named_parameters`.
        """
        found = _BLOCK.search(name)
        return int(found[1]) if found else None

    def after_step(self, step: int) -> None:
        """Called after the optimisers have done step ``step``: updates averaged teachers."""

    def compile_networks(self) -> None:
        """Have the networks compiled by ``torch.compile``, in place."""

    @property
    def parameter_count(self) -> int:
        """Number of parameters that are trained, or would be without an adaptation; of an adaptation's own, all."""
        return self.trainable_parameter_count + sum(parameter.numel() for parameter in self.adapted.frozen)

    @property
    def trainable_parameter_count(self) -> int:
        """Number of parameters that are trained now."""
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
