"""Base class of the objectives that learn labels: fine-tuning of an encoder, or the same training from fresh weights.

A checkpoint of them opens as a class of `transformers` with a head (``…For…Classification``), whose configuration has the
names of the classes.
"""

import abc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from core.data import Prepared, Samples, SplitName
from core.data.labelled import LabelledSamples, require_classes
from core.errors import EngineError
from core.evaluation.outcomes.base import Outcomes
from core.evaluation.outcomes.classes import ClassOutcomes
from core.networks.dropout import dropout
from core.networks.encoder import Encoder
from core.networks.heads import narrowed, output_layer
from core.objectives.answers import Answers, cross_entropy, possible
from core.objectives.base import Batch, Losses, Objective, Shown, chunks
from core.objectives.predictions import Answering, Asked, Predictor, Values
from core.objectives.reporting import as_reports, seen
from core.spec.predictions import RankedOptions

ClassWeights = Literal["none", "balanced"] | dict[str, float]


class Supervised(Objective):
    """A task that learns labels. It is combined with the base class of a modality."""

    measures_representation: ClassVar[bool] = False

    model: Any
    """The network of `transformers` with its head."""
    data: Any
    """The prepared data of the task's modality, with labels."""

    @property
    @abc.abstractmethod
    def learned_encoder(self) -> Encoder:
        """The network below the head."""

    @abc.abstractmethod
    def scores(self, rows: NDArray[Any]) -> Tensor:
        """The head's outputs for raw samples as they are stored, shape (B, …, outputs)."""

    def predictions(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> Tensor:
        """`scores` of the samples at ``indices``, shape (N, …, outputs), float32 on the CPU.

        Runs as `evaluate` does.
        """
        found = [self.scores(samples.rows(chunk)).float().cpu() for chunk in chunks(indices, batch_size)]
        return torch.cat(found) if found else self.scores(samples.rows(indices)).float().cpu()

    def read_from(self, data: Prepared) -> None:
        """Take samples from other data than those the objective was created with; its network and classes stay as they are.

        Args:
            data: With the classes of the first data, in the same order.
        """
        self.data = data

    @abc.abstractmethod
    def outcomes(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> Outcomes: ...

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        values = self.outcomes(samples, indices, batch_size).values
        return {f"eval/{name}": value for name, value in values.items()}

    def reports(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> Sequence[Shown]:
        outcomes = self.outcomes(samples, indices, batch_size)
        return as_reports(outcomes.documents(lambda places: self.seen(samples, indices[places])))

    def seen(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Mapping[str, Any]]:
        """What people see of some samples in reports: image, sound or text."""
        return seen(self, samples.rows(indices))

    @contextmanager
    def knowing(self, classes: Sequence[str]) -> Iterator[None]:
        if len(classes) in {0, self.model.config.num_labels}:
            yield
            return
        with narrowed(self.model, output_layer(self.model, self.learned_encoder.body), len(classes)):
            yield

    def block_of(self, name: str) -> int | None:
        """The encoder's block, by its place in `Encoder.blocks`: stages of a ResNet count on."""
        for place, prefix in enumerate(self._block_prefixes()):
            if name.startswith(prefix):
                return place
        return None

    def _block_prefixes(self) -> Sequence[str]:
        places = {id(block): place for place, block in enumerate(self.learned_encoder.blocks)}
        found = {
            places[id(module)]: f"{name}." for name, module in self.named_modules() if id(module) in places
        }
        return [found[place] for place in sorted(found)]

    def compile_networks(self) -> None:
        self.model.compile()


class Classification(Supervised):
    """A task that assigns one class to each sample.

    `prepare` is called by its constructor, once the network's base class is initialised.
    """

    classes: Sequence[str]
    weights: Tensor | None
    smoothing: float
    among: Sequence[int] | None = None
    """The classes among which the answers of the data's samples are; None: all."""
    answers: Answers | None = None
    """The same for each training sample; None: all classes."""

    def prepare(
        self,
        classes: Sequence[str],
        *,
        missing: Literal["refuse", "skip"],
        smoothing: float,
        weights: ClassWeights,
    ) -> None:
        """Read the labels of both splits.

        Args:
            classes: Names of the data's classes.
            missing: ``data.on_missing_label``.
            smoothing: ``task.label_smoothing``.
            weights: ``task.class_weights``.

        Raises:
            DataError: ``too_few_classes``, ``labels_missing``, ``unseen_classes``.
            EngineError: ``spec_invalid``, where ``weights`` names a class that the data do not have.
        """
        self.classes, self.smoothing, self._missing = classes, smoothing, missing
        if not classes:
            # Data of fewer than two classes have no labels, which is not the problem to report.
            none = np.empty(0, np.int64)
            self.check_labels(none, none)
        train, held_out = (
            LabelledSamples(self.all_samples(split), split, missing) for split in ("train", "held_out")
        )
        self.check_labels(train.labels, held_out.labels, held_out.class_places)
        self._train_labels: NDArray[np.int64] = train.labels
        found = class_weights(weights, classes, train.labels)
        self.register_buffer("weights", found, persistent=False)

    def check_labels(
        self, train: NDArray[np.int64], held_out: NDArray[np.int64], places: Sequence[str] = ()
    ) -> None:
        """Check that the classes can be learned and measured.

        Args:
            places: Where the first held-out sample of each class is; () where it is not known.

        Raises:
            DataError: ``too_few_classes``, ``unseen_classes``.
        """
        require_classes(self.classes, train, held_out, places)

    @abc.abstractmethod
    def all_samples(self, split: SplitName) -> Samples:
        """The samples of a split, with and without a class."""

    @abc.abstractmethod
    def batch_scores(self, batch: Batch) -> Tensor:
        """The head's outputs for a training batch, augmented, shape (B, classes)."""

    def samples(self, split: SplitName) -> Samples:
        return LabelledSamples(self.all_samples(split), split, self._missing)

    def answer_among(self, classes: Sequence[int]) -> None:
        self.among = list(classes)
        self.answers = Answers(len(self.classes), self.among, len(self._train_labels))

    def answers_of(self, samples: NDArray[np.int64]) -> dict[str, Tensor]:
        """What a batch has about training samples, by their ids: ``labels``, and ``among`` where not all classes are possible."""
        labels = {"labels": self.labels_of(samples)}
        return labels if self.answers is None else {**labels, "among": self.answers.of(samples)}

    def labels_of(self, samples: NDArray[np.int64]) -> Tensor:
        """Classes of training samples by their ids, shape (B,)."""
        return torch.from_numpy(self._train_labels[samples])

    def also_learn(self, other: Self, samples: NDArray[np.int64]) -> None:
        self._train_labels = np.concatenate([self._train_labels, other._train_labels[samples]])
        self.also_answer(other, len(samples))

    def also_answer(self, other: Self, samples: int) -> None:
        """Know the possible answers of further samples, whose ids follow those of the others.

        Args:
            other: Reads their data.
        """
        if self.answers is not None:
            self.answers.extend(range(len(self.classes)) if other.among is None else other.among, samples)

    def forward(self, batch: Batch) -> Losses:
        return self.losses_of(self.logits(batch), batch)

    def compute(self, batch: Batch) -> None:
        self.batch_scores(batch)

    def logits(self, batch: Batch) -> Tensor:
        return self.batch_scores(batch).float()

    def losses_of(self, logits: Tensor, batch: Batch) -> Losses:
        labels, among = batch.tensors["labels"], batch.tensors.get("among")
        total = self.loss(logits, labels, among)
        correct = (possible(logits.detach(), among).argmax(dim=1) == labels).sum()
        return Losses(total, {"accuracy": correct})

    def loss(self, scores: Tensor, targets: Tensor, among: Tensor | None = None) -> Tensor:
        """Summed cross-entropy with the task's smoothing and class weights.

        Args:
            scores: Logits, shape (B, C).
            targets: Classes, shape (B,), or their probabilities, shape (B, C).
            among: The possible answers, bool (B, C). None: all classes.
        """
        return cross_entropy(scores, targets, weight=self.weights, smoothing=self.smoothing, among=among)

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        return {"classify": self._classify}

    def _classify(self, asked: Asked) -> Answering:
        assert isinstance(asked.options, RankedOptions)
        rows = self.rows_of(asked)
        yield None
        return self.told(self.scores(rows)[0].float(), asked.options.top_k)

    def rows_of(self, asked: Asked) -> NDArray[Any]:
        """The input as a raw sample, shape (1, …)."""
        assert asked.rows is not None
        return asked.rows

    def told(self, scores: Tensor, top_k: int) -> Values:
        """A sample's scores, shape (C,), as the result of a prediction."""
        return self.ranked(scores.softmax(dim=0), top_k)

    def ranked(self, shares: Tensor, top_k: int) -> Values:
        """The likeliest classes with their probabilities ``shares``, shape (C,)."""
        best, places = shares.topk(min(top_k, len(shares)))
        ranked = zip(places.tolist(), best.tolist(), strict=True)
        classes = [{"name": self.classes[place], "probability": share} for place, share in ranked]
        return {"kind": "classes", "classes": classes, "of": len(shares)}

    def outcomes(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> Outcomes:
        assert samples.labels is not None
        scores, labels = self.predictions(samples, indices, batch_size), samples.labels[indices]
        if self.among is None:
            return ClassOutcomes(scores, labels, self.classes)
        numbers = np.full(len(self.classes), -1)
        numbers[self.among] = np.arange(len(self.among))
        return ClassOutcomes(scores[:, self.among], numbers[labels], [self.classes[n] for n in self.among])


def class_weights(given: ClassWeights, classes: Sequence[str], labels: NDArray[np.int64]) -> Tensor | None:
    """Weight of each class in the loss, shape (classes,); None: all are 1.

    ``balanced``: the number of samples over (classes present x samples of the class), so that the mean weight of a sample is 1.
    A class without samples has the weight 1.

    Args:
        labels: Class of each training sample.

    Raises:
        EngineError: ``spec_invalid``, where a name is no class.
    """
    if isinstance(given, str):
        if given == "none":
            return None
        counts = np.bincount(labels, minlength=len(classes))
        present = int((counts > 0).sum())
        weights = len(labels) / (present * np.maximum(counts, 1))
        # Classes of earlier stages, of which samples may be replayed.
        return torch.from_numpy(np.where(counts > 0, weights, 1.0)).float()
    if unknown := sorted(set(given) - set(classes)):
        raise EngineError(
            "spec_invalid",
            f"task.class_weights names {unknown[0]!r}, which is no class of the data.",
            f"The classes are {', '.join(map(repr, classes[:20]))}{' …' if len(classes) > 20 else ''}.",
            case="class_weights",
            name=unknown[0],
            classes=list(classes),
        )
    return torch.tensor([given.get(name, 1.0) for name in classes], dtype=torch.float32)


def drop_before(head: nn.Module, probability: float) -> None:
    """Have the input of ``head`` dropped out with ``probability`` in training. Names and values of weights stay."""
    if probability:
        head.register_forward_pre_hook(
            lambda module, inputs: (dropout(inputs[0], probability), *inputs[1:]) if module.training else None
        )
