"""Base class of the objectives that put a head on an encoder of text, one document a row."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel

from core.data.text import PreparedText, SpecialIds
from core.networks.text_encoder import is_causal
from core.objectives.language import LanguageModel, real_tokens
from core.objectives.tokenizer_folder import (
    save_denoising_tokenizer,
    save_framing_tokenizer,
    sentinel_names,
    tokenizer_with_sentinels,
    without_token_types,
)
from core.spec.job import JobSpec


class HeadedText(LanguageModel):
    """A network of text with a head.

    Args:
        sentinels: Names of the sentinels in the vocabulary of a T5; of every other network none.
    """

    def __init__(
        self, job: JobSpec, model: PreTrainedModel, data: PreparedText, sentinels: Sequence[str]
    ) -> None:
        super().__init__(model, data, job.training.sequence_length)
        self._architecture = job.architecture
        self._sentinels = sentinels

    @property
    def has_first_token(self) -> bool:
        """Whether the network's rows begin with a special token."""
        return self._architecture != "t5"

    def text(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """Rows as the network was pretrained on them: a causal one knows the separator at both ends, a T5 only at the end."""
        return framed(rows, self._architecture, self.data.special_ids)

    def trimmed(self, rows: NDArray[Any]) -> tuple[Tensor, Tensor]:
        """Token ids without the padding that all rows have, and which of them are not padding, (B, L) both."""
        ids = torch.from_numpy(np.ascontiguousarray(self.text(rows)))
        real = real_tokens(ids, self.data.special_ids)
        length = int(real.sum(dim=1).max()) if len(ids) else ids.shape[1]
        return ids[:, :length].contiguous(), real[:, :length].contiguous()

    def joined(self, rows: Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Rows of documents, filled with padding to the longest ones: those of each data are as long as its longest document."""
        length = max(part.shape[1] for part in rows)
        pad = self.data.special_ids.pad
        filled = [np.pad(part, ((0, 0), (0, length - part.shape[1])), constant_values=pad) for part in rows]
        return super().joined(filled)

    def save_tokenizer(self, directory: Path) -> None:
        if self._architecture == "t5":
            save_denoising_tokenizer(self.data, directory, self.sequence_length, self._sentinels)
        elif is_causal(self.model):
            save_framing_tokenizer(self.data, directory, self.sequence_length)
        else:
            super().save_tokenizer(directory)
        if self._architecture != "bert":
            without_token_types(directory)


def framed(rows: NDArray[Any], architecture: str, special: SpecialIds) -> NDArray[np.int64]:
    """Rows of documents, [CLS] … [SEP], with the special tokens that a network of the architecture was pretrained with."""
    if architecture == "t5":
        return np.ascontiguousarray(rows[:, 1:])
    if architecture in {"gpt2", "llama"}:
        rows = rows.copy()
        rows[:, 0] = special.sep
    return rows


def sentinels_of(job: JobSpec, count: int) -> list[str]:
    """The sentinels in the vocabulary of the job's network: ``count`` for a T5, none for others."""
    return sentinel_names(count if job.architecture == "t5" else 0)


def vocabulary_size(data: PreparedText, sentinels: Sequence[str]) -> int:
    """Of a network for the data's tokenizer with sentinels."""
    tokenizer = tokenizer_with_sentinels(data, sentinels)
    added = (tokenizer.token_to_id(name) for name in sentinels)
    return max([data.vocabulary_size, *(number + 1 for number in added if number is not None)])
