"""Token classification: a head on each token of an encoder of text, one sentence a row; a tag of each word.

The loss is at the first token of each word (Devlin et al. 2018, arXiv 1810.04805, section 5.3). The measures are those of
whole entities.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Self

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
from core.evaluation.outcomes.base import Outcomes
from core.evaluation.outcomes.tags import TagOutcomes
from core.evaluation.tag_reports import TaggedSentence
from core.networks.cross_entropy import IGNORED
from core.networks.encoder import Encoder
from core.networks.text_encoder import text_encoder
from core.networks.token_classifier import create_token_classifier, token_scores
from core.objectives.base import Batch, Losses, chunks, objective_for
from core.objectives.headed_text import HeadedText, sentinels_of, vocabulary_size
from core.objectives.language import is_text
from core.objectives.predictions import Answering, Asked, Predictor
from core.objectives.supervised import Supervised, class_weights
from core.spec.job import JobSpec
from core.spec.predictions import TAG
from core.tasks.token_classification.prediction import tagged, words_of
from core.tasks.token_classification.spec import TokenClassification

OUTSIDE = "O"
Part = SplitName | Literal["all"]

_NO_WORD = "…"
"""What is shown of a word without a token of its own."""


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
        self._words = _words(data)
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

    def read_from(self, data: Prepared) -> None:
        super().read_from(data)
        assert is_text(data)
        self._words = _words(data)

    def also_learn(self, other: Self, samples: NDArray[np.int64]) -> None:
        self._words["train"] = self._words["train"].followed_by(other._words["train"], samples)

    def collate(self, rows: NDArray[Any], samples: NDArray[np.int64], key: int) -> Batch:
        ids, real = self.trimmed(rows)
        targets = self._targets(samples, ids.shape[1], "train")
        count = int((targets != IGNORED).sum())
        tensors = {"ids": ids, "real": real, "targets": targets}
        return Batch(tensors, count=max(1, count), samples=len(rows), tokens=int(real.sum()))

    def forward(self, batch: Batch) -> Losses:
        return self.losses_of(self.logits(batch), batch)

    def compute(self, batch: Batch) -> None:
        self.logits(batch)

    def logits(self, batch: Batch) -> Tensor:
        scores = token_scores(self.model, batch.tensors["ids"], batch.tensors["real"])
        return scores.float().flatten(0, 1)

    def weighed(self, batch: Batch) -> Tensor:
        return batch.tensors["targets"].flatten() != IGNORED

    def losses_of(self, logits: Tensor, batch: Batch) -> Losses:
        targets = batch.tensors["targets"].flatten()
        total = functional.cross_entropy(
            logits,
            targets,
            weight=self.weights,
            label_smoothing=self.task.label_smoothing,
            ignore_index=IGNORED,
            reduction="sum",
        )
        return Losses(total, {"word_accuracy": (logits.detach().argmax(dim=1) == targets).sum()})

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

    def outcomes(self, samples: Samples, indices: NDArray[np.int64], batch_size: int) -> Outcomes:
        losses: list[Tensor] = []
        terms: list[Tensor] = []
        sentences: list[TaggedSentence] = []
        for chunk in chunks(indices, batch_size):
            scores = self.scores(samples.rows(chunk)).double().cpu()
            targets = self._targets(chunk, scores.shape[1], part_of(samples))
            each = functional.cross_entropy(
                scores.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
            )
            losses.append(each.reshape(targets.shape).sum(dim=1))
            terms.append((targets != IGNORED).sum(dim=1))
            sentences += [TaggedSentence(*tags) for tags in self._tagged(chunk, scores, part_of(samples))]
        return TagOutcomes(
            sentences,
            torch.cat([torch.empty(0).double(), *losses]).numpy(),
            torch.cat([torch.empty(0, dtype=torch.int64), *terms]).numpy(),
        )

    def seen(self, samples: Samples, indices: NDArray[np.int64]) -> Sequence[Mapping[str, Any]]:
        """The words of sentences; of a word that has no token of its own, a placeholder."""
        special, words = self.data.special_ids, self._words[part_of(samples)]
        found = []
        for row, sample in zip(samples.rows(indices), indices.tolist(), strict=True):
            _, places = words.of(sample, 1, document_width(self.sequence_length, 1))
            begins = places[places >= 0].tolist()
            tokens = np.flatnonzero(~np.isin(row, [special.pad, special.cls, special.sep]))
            ends = [*begins[1:], int(tokens.max(initial=0)) + 1]
            texts = iter(self._text(row[begin:end]) for begin, end in zip(begins, ends, strict=True))
            found.append({"words": [next(texts) if place >= 0 else _NO_WORD for place in places.tolist()]})
        return found

    def _text(self, ids: NDArray[np.int64]) -> str:
        text: str = self.tokenizer.decode(ids.tolist(), skip_special_tokens=True)
        return text.strip() or _NO_WORD

    def tags_of(
        self, samples: Samples, indices: NDArray[np.int64], batch_size: int
    ) -> Iterator[tuple[list[str], list[str]]]:
        """True and predicted tags of the words of held-out sentences, whole sentences also where rows are cut."""
        for chunk in chunks(indices, batch_size):
            yield from self._tagged(chunk, self.scores(samples.rows(chunk)).float().cpu(), part_of(samples))

    def _tagged(
        self, samples: NDArray[np.int64], scores: Tensor, part: Part
    ) -> Iterator[tuple[list[str], list[str]]]:
        predicted = scores.argmax(dim=2).numpy()
        words = self._words[part]
        for row, sample in zip(predicted, samples.tolist(), strict=True):
            true, places = words.of(sample, self._first, self._last(len(row)))
            # A word that truncation drops, or without a token, has no prediction.
            said = [self.classes[row[place]] if place >= 0 else OUTSIDE for place in places.tolist()]
            yield [self.classes[tag] for tag in true.tolist()], said

    def _targets(self, samples: NDArray[np.int64], length: int, part: Part) -> Tensor:
        """The tag at the first token of each word, `IGNORED` elsewhere, shape (B, length)."""
        targets = np.full((len(samples), length), IGNORED, np.int64)
        for row, sample in zip(targets, samples.tolist(), strict=True):
            tags, places = self._words[part].of(sample, self._first, self._last(length))
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


def document_width(sequence_length: int, first: int) -> int:
    """The place after the last token of the longest document in a row of a network, which has [SEP] after it."""
    return sequence_length - 2 + first


class _Words:
    """The words of labelled sentences.

    Args:
        labels: Below 0 for the sentences without.
    """

    def __init__(self, words: WordTags, labels: NDArray[np.int64]) -> None:
        self._words = words
        self._chosen = np.flatnonzero(labels >= 0)

    def sentences(self, samples: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Of some labelled sentences the tags of the words, and the place of each word's first token."""
        words = self._words
        parts = [slice(*words.offsets[document : document + 2]) for document in self._chosen[samples]]
        return [(words.tags[part], words.tokens[part]) for part in parts]

    def followed_by(self, others: "_Words", samples: NDArray[np.int64]) -> "_Words":
        """These labelled sentences and, after them, some of other data.

        Args:
            samples: Which of the others.
        """
        own = self.sentences(np.arange(len(self._chosen)))
        both = own + others.sentences(samples)
        joined = WordTags(
            offsets=np.cumsum([0, *(len(tags) for tags, _ in both)]).astype(np.int64),
            tokens=np.concatenate([tokens for _, tokens in both]),
            tags=np.concatenate([tags for tags, _ in both]),
        )
        return _Words(joined, np.zeros(len(both), np.int64))

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


def _words(data: PreparedText) -> dict[Part, _Words]:
    """The words of each split, and of both, one after the other."""
    parts = {split: (data.tags(split), data.labels(split)) for split in SPLITS}
    (train, train_labels), (held_out, held_out_labels) = parts.values()
    both = WordTags(
        offsets=np.concatenate([train.offsets, held_out.offsets[1:] + train.offsets[-1]]),
        tokens=np.concatenate([train.tokens, held_out.tokens]),
        tags=np.concatenate([train.tags, held_out.tags]),
    )
    return {
        **{split: _Words(*part) for split, part in parts.items()},
        "all": _Words(both, np.concatenate([train_labels, held_out_labels])),
    }


def part_of(samples: Samples) -> Part:
    """Which sentences these are."""
    return samples.split if isinstance(samples, LabelledSamples) else "all"
