"""Text classification: a head on an encoder of text, one document a row; one class, several classes or a number."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.data import DataError, Prepared, Samples, SplitName
from core.data.labelled import LabelledSamples
from core.data.text import PreparedText, document_samples
from core.evaluation.outcomes.base import Outcomes
from core.evaluation.outcomes.label_sets import LabelSetOutcomes
from core.evaluation.outcomes.numbers import NumberOutcomes
from core.networks.encoder import Encoder
from core.networks.text_classifier import Problem, create_text_classifier, text_scores
from core.networks.text_encoder import is_causal, text_encoder
from core.objectives.base import Batch, Losses, objective_for
from core.objectives.headed_text import HeadedText, sentinels_of, vocabulary_size
from core.objectives.language import is_text
from core.objectives.predictions import Asked, Values
from core.objectives.supervised import Classification, drop_before
from core.spec.job import JobSpec
from core.tasks.text_classification.spec import TextClassification

_PROBLEMS: dict[str, Problem] = {
    "one": "single_label_classification",
    "several": "multi_label_classification",
    "number": "regression",
}


@objective_for(TextClassification)
class TextClassifier(Classification, HeadedText):
    """An encoder of text and a head."""

    def __init__(self, task: TextClassification, job: JobSpec, data: PreparedText) -> None:
        sentinels = sentinels_of(job, task.sentinels)
        model = create_text_classifier(
            job,
            vocabulary_size=vocabulary_size(data, sentinels),
            special=data.special_ids,
            outputs=data.classes if task.target != "number" else ("number",),
            problem=_PROBLEMS[task.target],
        )
        HeadedText.__init__(self, job, model, data, sentinels)
        self.task = task
        self.prepare(
            data.classes,
            missing=job.data.on_missing_label,
            smoothing=task.label_smoothing,
            weights=task.class_weights,
        )
        self._targets = self._read_targets("train")
        head: Any = model.score if is_causal(model) else model.classifier
        drop_before(head, task.head_dropout)

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, TextClassification)
        assert is_text(data)
        _require_outputs(data)
        return cls(job.task, job, data)

    @property
    def learned_encoder(self) -> Encoder:
        return text_encoder(self.model)

    def all_samples(self, split: SplitName) -> Samples:
        return document_samples(self.data, split, self.sequence_length)

    def check_labels(
        self, train: NDArray[np.int64], held_out: NDArray[np.int64], places: Sequence[str] = ()
    ) -> None:
        if self.task.target == "one":
            super().check_labels(train, held_out, places)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        ids, real = self.trimmed(rows)
        tensors = {"ids": ids, "real": real, **self.answers_of(samples)}
        return Batch(tensors, count=len(rows), samples=len(rows), tokens=int(real.sum()))

    def labels_of(self, samples: NDArray[np.int64]) -> Tensor:
        return self._targets[torch.from_numpy(samples)]

    def also_learn(self, other: Self, samples: NDArray[np.int64]) -> None:
        self._targets = torch.cat([self._targets, other._targets[torch.from_numpy(samples)]])
        self.also_answer(other, len(samples))

    def batch_scores(self, batch: Batch) -> Tensor:
        return text_scores(self.model, batch.tensors["ids"], batch.tensors["real"])

    def scores(self, rows: NDArray[Any]) -> Tensor:
        ids, real = self.trimmed(rows)
        return text_scores(self.model, ids.to(self.model.device), real.to(self.model.device))

    def losses_of(self, logits: Tensor, batch: Batch) -> Losses:
        if self.task.target == "one":
            return super().losses_of(logits, batch)
        return Losses(self.loss(logits, batch.tensors["labels"], batch.tensors.get("among")), {})

    def loss(self, scores: Tensor, targets: Tensor, among: Tensor | None = None) -> Tensor:
        """Summed over samples: the cross-entropy of one class, the mean binary cross-entropy of several, or the squared error."""
        if self.task.target == "number":
            return (scores[:, 0] - targets).square().sum()
        if self.task.target == "one":
            return super().loss(scores, targets, among)
        smooth = (1 - self.smoothing) * targets + self.smoothing / 2
        errors = functional.binary_cross_entropy_with_logits(scores, smooth, self.weights, reduction="none")
        if among is not None:
            return ((errors * among).sum(dim=1) / among.sum(dim=1)).sum()
        return errors.mean(dim=1).sum()

    def rows_of(self, asked: Asked) -> NDArray[Any]:
        return self.text_rows(asked.text)

    def told(self, scores: Tensor, top_k: int) -> Values:
        if self.task.target == "number":
            return {"kind": "number", "number": float(scores[0])}
        # Each class by itself, where a text may have several.
        return (
            self.ranked(scores.sigmoid(), top_k)
            if self.task.target == "several"
            else super().told(scores, top_k)
        )

    def outcomes(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> Outcomes:
        if self.task.target == "one":
            return super().outcomes(samples, indices, batch_size)
        scores = self.predictions(samples, indices, batch_size)
        truth = self._targets_of(samples)[torch.from_numpy(indices)].numpy()
        if self.task.target == "number":
            return NumberOutcomes(scores[:, 0].numpy(), truth)
        chosen = range(len(self.classes)) if self.among is None else self.among
        return LabelSetOutcomes(scores[:, chosen], truth[:, chosen] > 0, [self.classes[n] for n in chosen])

    def _targets_of(self, samples: Samples) -> Tensor:
        if isinstance(samples, LabelledSamples):
            return self._read_targets(samples.split)
        # Both splits, one after the other.
        return torch.cat([self._read_targets("train"), self._read_targets("held_out")])

    def _read_targets(self, split: SplitName) -> Tensor:
        """What is learned of the labelled documents of a split, in their order."""
        data, target = self.data, self.task.target
        chosen = data.labels(split) >= 0
        if target == "number":
            return torch.from_numpy(data.values(split)[chosen]).float()
        if target == "several":
            return torch.from_numpy(data.label_sets(split)[chosen]).float()
        return torch.from_numpy(data.labels(split)[chosen])


def _require_outputs(data: PreparedText) -> None:
    """
    Raises:
        DataError: ``too_few_classes``, ``labels_missing``, where no document has a label.
    """
    facts = data.label_facts
    assert facts is not None
    least = {"one": 2, "several": 1, "number": 0}.get(facts.kind, 0)
    if len(facts.classes) < least:
        there = f"only {facts.classes[0]!r}" if facts.classes else "none"
        raise DataError(
            "too_few_classes",
            f"The documents have {there} of the classes that could be told apart, and {least} are needed",
            "Name the column with the classes (data.text.label_column), or add documents of other classes.",
            case="documents",
            classes=list(facts.classes[:1]),
            least=least,
        )
