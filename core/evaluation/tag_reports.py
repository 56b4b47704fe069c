"""Tables of predicted tags of words: measures of each type of entity, and the sentences with the most mistakes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.evaluation.entities import EntityCounts, EntityScores, entities
from core.evaluation.reports import MISTAKES, Document, Shown


@dataclass(frozen=True, slots=True)
class TaggedSentence:
    """The tags of a sentence's words, true and predicted."""

    true: Sequence[str]
    predicted: Sequence[str]


def tag_documents(
    sentences: Sequence[TaggedSentence], show: Callable[[NDArray[np.int64]], Sequence[Shown]]
) -> list[Document]:
    """All documents; empty without sentences.

    Args:
        show: Gives the ``words`` of the sentences at some positions.
    """
    if not sentences:
        return []
    counts = EntityCounts()
    wrong = np.array([counts.add(one.true, one.predicted) for one in sentences], np.int64)
    worst = np.argsort(-wrong, kind="stable")[:MISTAKES]
    worst = worst[wrong[worst] > 0]
    types = [*counts.by_type.items()]
    return [
        {
            "kind": "entity_types",
            "rows": [_row(kind, scores) for kind, scores in types],
            "all": _row("", counts.micro),
        },
        {
            "kind": "tag_mistakes",
            "sentences": [
                {
                    "sample": int(number),
                    "true": _spans(sentences[number].true),
                    "predicted": _spans(sentences[number].predicted),
                    **seen,
                }
                for number, seen in zip(worst, show(worst), strict=True)
            ],
        },
    ]


def _row(kind: str, scores: EntityScores) -> dict[str, object]:
    return {
        "type": kind,
        "entities": scores.support,
        "precision": scores.precision,
        "recall": scores.recall,
        "f1": scores.f1,
    }


def _spans(tags: Sequence[str]) -> list[dict[str, object]]:
    """The entities of a sentence: type, first and last word."""
    return [{"type": one.type, "first": one.first, "last": one.last} for one in entities(tags)]
