"""Outcomes of predictions of a tag for each word; a sample is a sentence."""

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from core.evaluation.entities import EntityCounts, entities, strict_entities
from core.evaluation.outcomes.base import Outcomes, Show, share, shares
from core.evaluation.reports import Document
from core.evaluation.tag_reports import TaggedSentence, tag_documents


class TagOutcomes(Outcomes):
    """True and predicted tags of sentences.

    Args:
        sentences: N sentences.
        losses: Summed cross-entropy of each sentence's words in nats, shape (N,).
        terms: Words of each sentence that the loss is summed over, shape (N,).
    """

    noun: ClassVar[str | None] = "sentences"

    def __init__(
        self, sentences: Sequence[TaggedSentence], losses: NDArray[np.float64], terms: NDArray[np.int64]
    ) -> None:
        self._sentences, self._losses, self._terms = sentences, losses, terms

    def __len__(self) -> int:
        return len(self._sentences)

    @property
    def values(self) -> dict[str, float]:
        counts, strict = EntityCounts(), EntityCounts(strict=True)
        for one in self._sentences:
            counts.add(one.true, one.predicted)
            strict.add(one.true, one.predicted)
        everything, words = counts.micro, int(self._words.sum())
        terms = int(self._terms.sum())
        return {
            "loss": float(self._losses.sum()) / terms if terms else float("nan"),
            "entity_f1": everything.f1,
            "entity_precision": everything.precision,
            "entity_recall": everything.recall,
            "entity_macro_f1": counts.macro_f1,
            "entity_strict_f1": strict.micro.f1,
            "word_accuracy": int(self._right.sum()) / words if words else float("nan"),
        }

    def measure(self, counts: NDArray[np.int64]) -> dict[str, float]:
        right, said, truth = (counts @ part for part in self._entities)
        strict_right, strict_said, strict_truth = (int(counts @ part) for part in self._strict)
        there = truth + said > 0
        terms, words = int(counts @ self._terms), int(counts @ self._words)
        found = {
            "entity_f1": share(2 * right.sum(), truth.sum() + said.sum()),
            "entity_precision": share(right.sum(), said.sum()),
            "entity_recall": share(right.sum(), truth.sum()),
            "entity_macro_f1": float(shares(2.0 * right, truth + said)[there].mean()) if there.any() else 0.0,
            "entity_strict_f1": share(2 * strict_right, strict_truth + strict_said),
        }
        if terms:
            found["loss"] = float(counts @ self._losses) / terms
        if words:
            found["word_accuracy"] = int(counts @ self._right) / words
        return found

    def documents(self, show: Show) -> list[Document]:
        return tag_documents(self._sentences, show)

    @cached_property
    def _words(self) -> NDArray[np.int64]:
        return np.array([len(one.true) for one in self._sentences], np.int64)

    @cached_property
    def _right(self) -> NDArray[np.int64]:
        """Words of each sentence with the right tag."""
        return np.array(
            [sum(a == b for a, b in zip(one.true, one.predicted, strict=True)) for one in self._sentences],
            np.int64,
        )

    @cached_property
    def _entities(self) -> tuple[NDArray[np.float64], ...]:
        """Right, predicted and true entities of each sentence and type, shape (N, types) each."""
        found = [(set(entities(one.true)), set(entities(one.predicted))) for one in self._sentences]
        types = sorted({entity.type for true, said in found for entity in true | said})
        numbers = {kind: number for number, kind in enumerate(types)}
        parts = tuple(np.zeros((len(found), len(types))) for _ in range(3))
        for row, (true, said) in enumerate(found):
            for part, chosen in zip(parts, (true & said, said, true), strict=True):
                for entity in chosen:
                    part[row, numbers[entity.type]] += 1
        return parts

    @cached_property
    def _strict(self) -> tuple[NDArray[np.int64], ...]:
        """The same in strict IOB2, of all types together, shape (N,) each."""
        rows = []
        for one in self._sentences:
            true, said = set(strict_entities(one.true)), set(strict_entities(one.predicted))
            rows.append((len(true & said), len(said), len(true)))
        return tuple(np.array(rows, np.int64).reshape(-1, 3).T)
