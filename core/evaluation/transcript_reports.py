"""The worst transcripts of speech recognition, word by word beside what was said."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.evaluation.reports import MISTAKES, Document, Shown

Aligned = tuple[str | None, str | None]
"""A word of the reference and the word of the hypothesis in its place; None where there is none."""

LONGEST = 500
"""Words of an utterance that is aligned, at most: the table has the square of it."""


def transcript_documents(
    hypotheses: Sequence[str],
    references: Sequence[str],
    edits: NDArray[np.int64],
    show: Callable[[NDArray[np.int64]], Sequence[Shown]],
) -> list[Document]:
    """The utterances with the highest word error rate; empty without utterances.

    Args:
        edits: Word edits of each utterance, shape (N,).
        show: Gives what people hear of the utterances at some positions.
    """
    if not references:
        return []
    words = np.array([len(reference.split()) for reference in references], np.int64)
    order = np.lexsort((np.arange(len(words)), -edits, -edits / words))
    worst = order[edits[order] > 0][:MISTAKES]
    return [
        {
            "kind": "utterances",
            "count": len(references),
            "right": int(np.count_nonzero(edits == 0)),
            "mistakes": [
                {
                    "sample": int(number),
                    "word_error_rate": float(edits[number] / words[number]),
                    "words": [
                        {"reference": reference, "hypothesis": hypothesis}
                        for reference, hypothesis in aligned(
                            references[number].split()[:LONGEST], hypotheses[number].split()[:LONGEST]
                        )
                    ],
                    **seen,
                }
                for number, seen in zip(worst, show(worst), strict=True)
            ],
        }
    ]


def aligned(reference: Sequence[str], hypothesis: Sequence[str]) -> list[Aligned]:
    """An alignment with the fewest edits (Wagner and Fischer 1974). Of several, words are replaced as late as possible."""
    costs = np.zeros((len(reference) + 1, len(hypothesis) + 1), np.int64)
    costs[:, 0], costs[0] = np.arange(len(reference) + 1), np.arange(len(hypothesis) + 1)
    for row, word in enumerate(reference, 1):
        for column, other in enumerate(hypothesis, 1):
            costs[row, column] = min(
                costs[row - 1, column - 1] + (word != other),
                costs[row - 1, column] + 1,
                costs[row, column - 1] + 1,
            )
    found: list[Aligned] = []
    row, column = len(reference), len(hypothesis)
    while row or column:
        differs = row and column and reference[row - 1] != hypothesis[column - 1]
        if row and column and costs[row, column] == costs[row - 1, column - 1] + differs:
            row, column = row - 1, column - 1
            found.append((reference[row], hypothesis[column]))
        elif row and costs[row, column] == costs[row - 1, column] + 1:
            row -= 1
            found.append((reference[row], None))
        else:
            column -= 1
            found.append((None, hypothesis[column]))
    return found[::-1]
