"""How a dataset becomes training data."""

from typing import Annotated, Literal

from pydantic import Field

from core.spec.audio import AudioDataSpec
from core.spec.base import Spec


class TokenizerSpec(Spec):
    """The tokenizer: trained on the dataset, or brought along in it."""

    kind: Literal["bpe", "wordpiece", "uploaded"] = "bpe"
    """``bpe``: byte-level BPE, trained on the training part of the data. ``wordpiece``: BERT's
    WordPiece, trained likewise. ``uploaded``: the dataset's own ``tokenizer.json``."""

    vocabulary_size: Annotated[int, Field(ge=300, le=1_000_000)] = 8192
    """Tokens in the vocabulary, special tokens included. Ignored for ``uploaded``."""

    lowercase: bool = False
    """Fold case before tokenizing. Ignored for ``uploaded``."""


class DataSpec(Spec):
    """What is read from the dataset, and which part is held out."""

    text_column: str | None = None
    """Column (CSV, Parquet) or key (JSON Lines) that holds the text. Default: ``text``, else the
    only column of strings."""

    tokenizer: TokenizerSpec = TokenizerSpec()

    audio: AudioDataSpec = AudioDataSpec()

    on_bad_sample: Literal["refuse", "skip"] = "refuse"
    """What to do about samples that cannot be decoded. ``refuse``: the job fails where more than 1 % are bad, and
    goes on without them below that. ``skip``: it goes on without them however many they are."""

    held_out_fraction: Annotated[float, Field(gt=0.0, le=0.5)] = 0.05
    """Share of the documents kept for evaluation, chosen by content hash: the same document falls
    on the same side in every dataset that holds it."""
