"""Token classification: a head on each token of an encoder of text, one sentence a row; a tag of each word.

The loss is at the first token of each word (Devlin et al. 2018, arXiv 1810.04805, section 5.3). The measures are those of
whole entities.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from core.data import DataError, Prepared, Samples, SplitName
from core.data.labelled import LabelledSamples
from core.data.prepared import SPLITS
from core.data.text import PreparedText, document_samples
from core.data.text.word_tags import WordTags
from core.evaluation.entities import EntityCounts
from core.networks.cross_entropy import IGNORED
from core.networks.encoder import Encoder
from core.networks.text_encoder import text_encoder
from core.networks.token_classifier import create_token_classifier, token_scores
from core.objectives.base import Batch, Losses, Shown, chunks, objective_for
from core.objectives.headed_text import HeadedText, sentinels_of, vocabulary_size
from core.objectives.language import is_text, text_of
from core.objectives.predictions import Answering, Asked, Predictor
from core.objectives.supervised import Supervised, class_weights
from core.spec.job import JobSpec
from core.spec.predictions import TAG
from core.tasks.token_classification.prediction import tagged, words_of
from core.tasks.token_classification.spec import TokenClassification

OUTSIDE = "O"
MISTAKES = 12
"""Sentences that are shown with their mistakes, at most."""


@objective_for(TokenClassification)
class TokenTagger(Supervised, HeadedText):
    """An encoder of text and a head on its tokens."""

    weights: Tensor | None

    def __init__(self, task: TokenClassification, job: JobSpec, data: PreparedText) -> None:
        sentinels = sentinels_of(job, task.sentinels)
        model = create_token_classifier(
            job,
            vocabulary_size=vocabulary_size(data, sentinels),
            special=data.special_ids,
            tags=data.classes,
            head_dropout=task.head_dropout,
        )
        HeadedText.__init__(self, job, model, data, sentinels)
        self.task = task
        self.classes = data.classes
        self._missing = job.data.on_missing_label
        self._words = {split: _Words(data, split) for split in SPLITS}
        for split in SPLITS:
            self.samples(split)  # sentences without tags are refused now, not after the first step
        train = self._words["train"].all_tags
        self.register_buffer(
            "weights", class_weights(task.class_weights, self.classes, train), persistent=False
        )

    @classmethod
    def create(cls, job: JobSpec, data: Prepared) -> Self:
        assert isinstance(job.task, TokenClassification)
        assert is_text(data)
        if len(data.classes) < 2:
            raise DataError(
                "too_few_classes",
                "No word has a tag other than O, so that there is no entity to learn",
                "Tag the entities, or set data.text.columns.tag to the column with their tags.",
                case="no_entity",
            )
        return cls(job.task, job, data)

    @property
    def learned_encoder(self) -> Encoder:
        return text_encoder(self.model)

    def samples(self, split: SplitName) -> Samples:
        return LabelledSamples(document_samples(self.data, split, self.sequence_length), split, self._missing)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        ids, real = self.trimmed(rows)
        targets = self._targets(samples, ids.shape[1], "train")
        count = int((targets != IGNORED).sum())
        tensors = {"ids": ids, "real": real, "targets": targets}
        return Batch(tensors, count=max(1, count), samples=len(rows), tokens=int(real.sum()))

    def forward(self, batch: Batch) -> Losses:
        scores = token_scores(self.model, batch.tensors["ids"], batch.tensors["real"]).float().flatten(0, 1)
        targets = batch.tensors["targets"].flatten()
        total = functional.cross_entropy(
            scores,
            targets,
            weight=self.weights,
            label_smoothing=self.task.label_smoothing,
            ignore_index=IGNORED,
            reduction="sum",
        )
        return Losses(total, {"word_accuracy": (scores.detach().argmax(dim=1) == targets).sum()})

    def scores(self, rows: NDArray[Any]) -> Tensor:
        ids, real = self.trimmed(rows)
        return token_scores(self.model, ids.to(self.model.device), real.to(self.model.device))

    @property
    def predictors(self) -> Mapping[str, Predictor]:
        return {TAG.kind: self._tag}

    def _tag(self, asked: Asked) -> Answering:
        words = words_of(asked.text, self.tokenizer, self.data.special_ids, self.sequence_length)
        yield None
        scores = self.scores(words.row)[0].float().cpu()
        return tagged(asked.text, words, scores, self._first, self.classes)

    def evaluate(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> dict[str, float]:
        loss, counted, right, words = 0.0, 0, 0, 0
        counts, strict = EntityCounts(), EntityCounts(strict=True)
        for chunk in chunks(indices, batch_size):
            scores = self.scores(samples.rows(chunk)).double().cpu()
            targets = self._targets(chunk, scores.shape[1], "held_out")
            sums = functional.cross_entropy(
                scores.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
            )
            loss += float(sums)
            counted += int((targets != IGNORED).sum())
            for true, predicted in self._tagged(chunk, scores):
                counts.add(true, predicted)
                strict.add(true, predicted)
                right += sum(a == b for a, b in zip(true, predicted, strict=True))
                words += len(true)
        all_types = counts.micro
        return {
            "eval/loss": loss / counted if counted else float("nan"),
            "eval/entity_f1": all_types.f1,
            "eval/entity_precision": all_types.precision,
            "eval/entity_recall": all_types.recall,
            "eval/entity_macro_f1": counts.macro_f1,
            "eval/entity_strict_f1": strict.micro.f1,
            "eval/word_accuracy": right / words if words else float("nan"),
        }

    def show(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Shown]:
        """Measures of each type, and the sentences with the most mistakes, of some held-out sentences."""
        counts = EntityCounts()
        found = []
        for chunk in chunks(indices, 64):
            rows = samples.rows(chunk)
            tagged = self._tagged(chunk, self.scores(rows).float().cpu())
            for row, (true, predicted) in zip(rows, tagged, strict=True):
                if mistakes := counts.add(true, predicted):
                    found.append((mistakes, row, true, predicted))
        found.sort(key=lambda one: -one[0])
        worst = "\n\n".join(self._shown(row, true, said) for _, row, true, said in found[:MISTAKES])
        return [
            Shown("entity_types", "text/plain", _table(counts).encode()),
            *([Shown("worst_mistakes", "text/plain", worst.encode())] if worst else []),
        ]

    def tags_of(
        self, samples: Samples, indices: NDArray[np.int64], batch_size: int
    ) -> Iterator[tuple[list[str], list[str]]]:
        """True and predicted tags of the words of held-out sentences, whole sentences also where rows are cut."""
        for chunk in chunks(indices, batch_size):
            yield from self._tagged(chunk, self.scores(samples.rows(chunk)).float().cpu())

    def _tagged(self, samples: NDArray[np.int64], scores: Tensor) -> Iterator[tuple[list[str], list[str]]]:
        predicted = scores.argmax(dim=2).numpy()
        words = self._words["held_out"]
        for row, sample in zip(predicted, samples.tolist(), strict=True):
            true, places = words.of(sample, self._first, self._last(len(row)))
            # A word that truncation drops, or without a token, has no prediction.
            said = [self.classes[row[place]] if place >= 0 else OUTSIDE for place in places.tolist()]
            yield [self.classes[tag] for tag in true.tolist()], said

    def _targets(self, samples: NDArray[np.int64], length: int, split: SplitName) -> Tensor:
        """The tag at the first token of each word, `IGNORED` elsewhere, shape (B, length)."""
        targets = np.full((len(samples), length), IGNORED, np.int64)
        for row, sample in zip(targets, samples.tolist(), strict=True):
            tags, places = self._words[split].of(sample, self._first, self._last(length))
            there = places >= 0
            row[places[there]] = tags[there]
        return torch.from_numpy(targets)

    @property
    def _first(self) -> int:
        """Place of a document's first token in a row of the network."""
        return 1 if self.has_first_token else 0

    def _last(self, length: int) -> int:
        """The place after a document's last token in a row, at most: a full row ends with [SEP]."""
        return min(length, document_width(self.sequence_length, self._first))

    def _shown(self, row: NDArray[Any], true: Sequence[str], predicted: Sequence[str]) -> str:
        special = {self.data.special_ids.pad, self.data.special_ids.cls, self.data.special_ids.sep}
        text = text_of(self.data, row[~np.isin(row, list(special))])
        return f"{text}\ntrue:      {' '.join(true)}\npredicted: {' '.join(predicted)}"


def document_width(sequence_length: int, first: int) -> int:
    """The place after the last token of the longest document in a row of a network, which has [SEP] after it."""
    return sequence_length - 2 + first


class _Words:
    """The words of the labelled sentences of a split."""

    def __init__(self, data: PreparedText, split: SplitName) -> None:
        self._words: WordTags = data.tags(split)
        self._chosen = np.flatnonzero(data.labels(split) >= 0)

    @property
    def all_tags(self) -> NDArray[np.int64]:
        """The tags of all words, shape (words,)."""
        return self._words.tags[self._words.tags >= 0]

    def of(self, sample: int, first: int, last: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The tags of a sentence's words, and the place of each word's first token in a row; -1 for none.

        Args:
            first: Place of the sentence's first token.
            last: The place after its last one.
        """
        document = self._chosen[sample]
        begin, end = self._words.offsets[document : document + 2]
        tokens = self._words.tokens[begin:end]
        places = np.where((tokens >= 0) & (tokens + first < last), tokens + first, -1)
        return self._words.tags[begin:end], places


def _table(counts: EntityCounts) -> str:
    rows = [("type", "precision", "recall", "f1", "entities")]
    for kind, one in [*counts.by_type.items(), ("all", counts.micro)]:
        rows.append((kind, f"{one.precision:.4f}", f"{one.recall:.4f}", f"{one.f1:.4f}", f"{one.support}"))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
