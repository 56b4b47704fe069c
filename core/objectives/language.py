"""Base class of the text tasks' objectives: one network of `transformers`, its tokenizer, their checkpoint folder."""

from functools import cached_property
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from transformers import PreTrainedModel

from core.checkpoints.bundle import Bundle, Network, Tensors
from core.data import Prepared, Samples, SplitName
from core.data.text import PreparedText, SpecialIds, sequences
from core.errors import EngineError
from core.networks.encoder import Encoder
from core.networks.text_encoder import text_encoder
from core.objectives.base import Objective

_ADVICE = "Resume with the model, task, data.tokenizer and training.sequence_length that the checkpoint was trained with."


class LanguageModel(Objective):
    """A text task with one network, ``self.model``, and any heads that only training needs.

    Args:
        sequence_length: tokens a sample, special tokens included.
    """

    def __init__(self, model: PreTrainedModel, data: PreparedText, sequence_length: int) -> None:
        super().__init__()
        self.model = model
        self.data = data
        self.sequence_length = sequence_length

    def samples(self, split: SplitName) -> Samples:
        return sequences(self.data, split, self.sequence_length)

    @property
    def learned_encoder(self) -> Encoder:
        return text_encoder(self.model)

    def text(self, rows: NDArray[Any]) -> NDArray[np.int64]:
        """The tokens of raw samples that the encoder reads, shape (B, L)."""
        return rows

    def encode(self, rows: NDArray[Any]) -> Tensor:
        """The mean of the last hidden states over all tokens except padding; attention crosses document borders."""
        ids = torch.from_numpy(np.ascontiguousarray(self.text(rows)))
        real = real_tokens(ids, self.data.special_ids)
        device = self.model.device
        return self.learned_encoder.features(ids.to(device), None if bool(real.all()) else real.to(device))

    def token_losses(self, rows: NDArray[np.int64]) -> Tensor | None:
        """The loss of each token given all tokens before it in its row, in nats: shape (B, L), for rows (B, L + 1).

        The first token of a row is given. Evaluation computes the exact perplexity from it. None (the default) if the task does
        not predict each token of a text from those before it.
        """
        return None

    def start_from_encoder(self, directory: Path) -> None:
        text_encoder(self.model).load(directory, self._require_vocabulary(directory))

    def start_from_published(self, directory: Path) -> list[str]:
        added = self._require_vocabulary(directory)
        missing = self.bundle.read_published(directory, self, added)
        self.restored()
        return missing

    def start_from_weights(self, directory: Path) -> None:
        self.stored.read(directory, self, added=self._require_vocabulary(directory))
        self.restored()

    def _require_vocabulary(self, directory: Path) -> range | None:
        """
        Returns:
            The ids of the added tokens that the checkpoint in ``directory`` does not know; None if it knows all.

        Raises:
            EngineError: ``checkpoint_mismatch`` if the checkpoint gives tokens other ids.
        """
        own, theirs = (
            Tokenizer.from_file(str(folder / "tokenizer.json")).get_vocab()
            for folder in (self.data.tokenizer_directory, directory)
        )
        taken = set(theirs.values())
        new = [own[word] for word in self.data.added_tokens if word not in theirs and own[word] not in taken]
        different = sorted(
            name
            for name, number in own.items()
            if theirs.get(name) != number and not (name not in theirs and number in new)
        )
        if different:
            raise EngineError(
                "checkpoint_mismatch",
                f"{len(different):,} of {len(own):,} tokens have another id in the checkpoint {directory}, as "
                f"{different[0]!r}: its encoder would treat them as other tokens.",
                "Train on the data from which its tokenizer was made, with the same data.tokenizer, or upload the "
                "checkpoint's tokenizer.json with the data and set data.tokenizer.kind to uploaded.",
                case="tokenizer",
                directory=directory,
                different=len(different),
                tokens=len(own),
                token=different[0],
            )
        return range(min(new), max(new) + 1) if new else None

    def save_tokenizer(self, directory: Path) -> None:
        """Write the tokenizer's files beside the network's."""
        self.data.save_tokenizer(directory, self.sequence_length)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The data's tokenizer."""
        return Tokenizer.from_file(str(self.data.tokenizer_directory / "tokenizer.json"))

    def text_rows(self, text: str) -> NDArray[Any]:
        """One text as a raw sample of documents, shape (1, L)."""
        special = self.data.special_ids
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids[: self.sequence_length - 2]
        return np.array([[special.cls, *ids, special.sep]], np.int64)

    def as_text(self, ids: NDArray[np.int64]) -> str | None:
        text: str = self.tokenizer.decode(ids.tolist(), skip_special_tokens=False)
        return text

    @property
    def bundle(self) -> Bundle:
        return Bundle(
            networks=[Network("model.", self.model, write_beside=self.save_tokenizer)],
            tensors=[Tensors("heads.safetensors", may_be_absent=True)],
            advice=_ADVICE,
            write_tokenizer_source=self.data.save_source if self.data.keeps_tokenizer else None,
        )


def real_tokens(ids: Tensor, special: SpecialIds) -> Tensor:
    """Which of the tokens (B, L) are not padding, bool (B, L).

    Where padding and the end of a text are the same token, only those at the end of a row are padding.
    """
    is_pad = ids == special.pad
    if special.pad != special.sep:
        return ~is_pad
    return ~is_pad.int().flip(1).cumprod(1).flip(1).bool()


def is_text(data: Prepared) -> TypeGuard[PreparedText]:
    """Whether the prepared data are token ids."""
    return isinstance(data, PreparedText)


def text_of(data: PreparedText, ids: NDArray[np.int64]) -> str:
    """The text of token ids, without special tokens."""
    tokenizer = Tokenizer.from_file(str(data.tokenizer_directory / "tokenizer.json"))
    text: str = tokenizer.decode(ids.tolist(), skip_special_tokens=True)
    return text
