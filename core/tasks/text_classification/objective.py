"""Text classification: a head on an encoder of text, one document a row; one class, several classes or a number."""

from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.data import DataError, Prepared, Samples, SplitName
from core.data.text import PreparedText, document_samples
from core.evaluation.classification import number, several_labels
from core.networks.encoder import Encoder
from core.networks.text_classifier import Problem, create_text_classifier, text_scores
from core.networks.text_encoder import is_causal, text_encoder
from core.objectives.base import Batch, Losses, objective_for
from core.objectives.language import LanguageModel, is_text, real_tokens
from core.objectives.supervised import Classification, drop_before
from core.objectives.tokenizer_folder import (
    save_denoising_tokenizer,
    save_framing_tokenizer,
    sentinel_names,
    with_sentinels,
    without_token_types,
)
from core.spec.job import JobSpec
from core.tasks.text_classification.spec import TextClassification

_PROBLEMS: dict[str, Problem] = {
    "one": "single_label_classification",
    "several": "multi_label_classification",
    "number": "regression",
}


@objective_for(TextClassification)
class TextClassifier(Classification, LanguageModel):
    """An encoder of text and a head."""

    def __init__(self, task: TextClassification, job: JobSpec, data: PreparedText) -> None:
        length = job.training.sequence_length
        sentinels = sentinel_names(task.sentinels if job.architecture == "t5" else 0)
        tokenizer = with_sentinels(data.tokenizer_directory / "tokenizer.json", sentinels)
        added = (tokenizer.token_to_id(name) for name in sentinels)
        vocabulary = max([data.vocabulary_size, *(number + 1 for number in added if number is not None)])
        model = create_text_classifier(
            job,
            vocabulary_size=vocabulary,
            special=data.special_ids,
            outputs=data.classes if task.target != "number" else ("number",),
            problem=_PROBLEMS[task.target],
        )
        LanguageModel.__init__(self, model, data, length)
        self.task = task
        self._sentinels = sentinels
        self._architecture = job.architecture
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

    def check_labels(self, train: NDArray[np.int64], held_out: NDArray[np.int64]) -> None:
        if self.task.target == "one":
            super().check_labels(train, held_out)

    def text(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """Rows as the network was pretrained on them: a causal one knows the separator at both ends, a T5 only at the end."""
        if self._architecture == "t5":
            return rows[:, 1:]
        if self._architecture in {"gpt2", "llama"}:
            rows = rows.copy()
            rows[:, 0] = self.data.special_ids.sep
        return rows

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        ids, real = self._trimmed(rows)
        tensors = {"ids": ids, "real": real, "labels": self.labels_of(samples)}
        return Batch(tensors, count=len(rows), samples=len(rows), tokens=int(real.sum()))

    def labels_of(self, samples: NDArray[np.int64]) -> Tensor:
        return self._targets[torch.from_numpy(samples)]

    def batch_scores(self, batch: Batch) -> Tensor:
        return text_scores(self.model, batch.tensors["ids"], batch.tensors["real"])

    def scores(self, rows: NDArray[Any]) -> Tensor:
        ids, real = self._trimmed(rows)
        return text_scores(self.model, ids.to(self.model.device), real.to(self.model.device))

    def forward(self, batch: Batch) -> Losses:
        if self.task.target == "one":
            return super().forward(batch)
        return Losses(self.loss(self.batch_scores(batch).float(), batch.tensors["labels"]), {})

    def loss(self, scores: Tensor, targets: Tensor) -> Tensor:
        """Summed over samples: the cross-entropy of one class, the mean binary cross-entropy of several, or the squared error."""
        if self.task.target == "number":
            return (scores[:, 0] - targets).square().sum()
        if self.task.target == "one":
            return super().loss(scores, targets)
        smooth = (1 - self.smoothing) * targets + self.smoothing / 2
        errors = functional.binary_cross_entropy_with_logits(scores, smooth, self.weights, reduction="none")
        return errors.mean(dim=1).sum()

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        if self.task.target == "one":
            return super().evaluate(samples, indices, batch_size)
        scores = self.predictions(samples, indices, batch_size)
        truth = self._read_targets("held_out")[torch.from_numpy(indices)]
        values = (
            number(scores[:, 0], truth) if self.task.target == "number" else several_labels(scores, truth)
        )
        return {f"eval/{name}": value for name, value in values.items()}

    def save_tokenizer(self, directory: Path) -> None:
        if self._architecture == "t5":
            save_denoising_tokenizer(self.data, directory, self.sequence_length, self._sentinels)
        elif is_causal(self.model):
            save_framing_tokenizer(self.data, directory, self.sequence_length)
        else:
            super().save_tokenizer(directory)
        if self._architecture != "bert":
            without_token_types(directory)

    def _trimmed(self, rows: NDArray[Any]) -> tuple[Tensor, Tensor]:
        """Token ids without the padding that all rows have, and which of them are not padding, (B, L) both."""
        ids = torch.from_numpy(np.ascontiguousarray(self.text(rows)))
        real = real_tokens(ids, self.data.special_ids)
        length = int(real.sum(dim=1).max()) if len(ids) else ids.shape[1]
        return ids[:, :length].contiguous(), real[:, :length].contiguous()

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
