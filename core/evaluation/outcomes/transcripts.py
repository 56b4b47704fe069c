"""Outcomes of speech recognition; a sample is an utterance."""

from collections.abc import Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from core.evaluation.outcomes.base import Outcomes, Show
from core.evaluation.reports import Document
from core.evaluation.transcript_reports import transcript_documents
from core.evaluation.transcription import error_rates


class TranscriptOutcomes(Outcomes):
    """Hypotheses and references.

    Args:
        hypotheses: N texts.
        references: N texts, none of them empty.
        losses: Negative log likelihood of each reference in nats, shape (N,).
        terms: Characters of each reference that the loss is divided by, shape (N,).
    """

    noun: ClassVar[str | None] = "utterances"

    def __init__(
        self,
        hypotheses: Sequence[str],
        references: Sequence[str],
        losses: NDArray[np.float64],
        terms: NDArray[np.int64],
    ) -> None:
        self._hypotheses, self._references = hypotheses, references
        self._losses, self._terms = losses, terms

    def __len__(self) -> int:
        return len(self._references)

    @property
    def values(self) -> dict[str, float]:
        loss = float(self._losses.sum()) / max(1, int(self._terms.sum()))
        if not self._references:
            return {"loss": float("nan"), "wer": float("nan"), "cer": float("nan")}
        return {"loss": loss, **error_rates(self._hypotheses, self._references)}

    def measure(self, counts: NDArray[np.int64]) -> dict[str, float]:
        words, characters, word_edits, character_edits = (int(counts @ part) for part in self._parts)
        return {
            "loss": float(counts @ self._losses) / max(1, int(counts @ self._terms)),
            "wer": word_edits / words,
            "cer": character_edits / characters,
        }

    def documents(self, show: Show) -> list[Document]:
        return transcript_documents(self._hypotheses, self._references, self._parts[2], show)

    @cached_property
    def _parts(self) -> tuple[NDArray[np.int64], ...]:
        """Words and characters of each reference, and the edits of each, shape (N,) each."""
        rows = []
        for hypothesis, reference in zip(self._hypotheses, self._references, strict=True):
            rates = error_rates([hypothesis], [reference])
            words, characters = len(reference.split()), len(reference)
            rows.append((words, characters, round(rates["wer"] * words), round(rates["cer"] * characters)))
        return tuple(np.array(rows, np.int64).reshape(-1, 4).T)
