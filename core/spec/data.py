"""How a dataset becomes training data."""

from typing import Annotated, Literal

from pydantic import Field

from core.spec.audio import AudioDataSpec
from core.spec.base import Spec
from core.spec.text import Column

SPECIAL_TOKENS = 5
"""[PAD], [UNK], [CLS], [SEP] and [MASK], which every trained tokenizer has."""


class TokenizerSpec(Spec):
    """The tokenizer: trained on the dataset, or brought along in it."""

    kind: Literal["bpe", "wordpiece", "unigram", "byte", "character", "uploaded"] = "bpe"
    """``bpe``: byte-level BPE, trained on the training part of the data. ``wordpiece``: BERT's
    WordPiece, trained likewise. ``unigram``: a unigram language model of pieces, as in SentencePiece, but over
    bytes, trained likewise. ``byte``: one token a byte of UTF-8, nothing to train. ``character``: one token
    a character of the training part, for small corpora. ``uploaded``: the dataset's own
    ``tokenizer.json``."""

    vocabulary_size: Annotated[int, Field(ge=300, le=1_000_000)] = 8192
    """Tokens in the vocabulary at most, special tokens included; ``character`` keeps the most frequent
    characters. Ignored for ``byte`` (always 261) and ``uploaded``."""

    normalization: Literal["none", "nfc", "nfkc"] = "none"
    """Unicode normal form that text is brought into before tokenizing. ``nfc`` composes accents;
    ``nfkc`` also folds compatibility characters, such as full-width letters and ligatures. Ignored for
    ``uploaded``."""

    lowercase: bool = False
    """Fold case before tokenizing. Ignored for ``uploaded``."""

    strip_accents: bool = False
    """Drop accents before tokenizing, as BERT's uncased models do. Ignored for ``uploaded``."""

    @property
    def largest_vocabulary(self) -> int:
        """Tokens at most, as far as the spec can tell."""
        return 256 + SPECIAL_TOKENS if self.kind == "byte" else self.vocabulary_size


class ImageDataSpec(Spec):
    """How images are brought to one shape; nothing else is done to them before training."""

    size: Annotated[int, Field(ge=8, le=512)] = 32
    """Height and width of every stored image, in pixels: the largest centred square is cut out and resampled to
    it, bicubic and antialiased. Default 32, which small networks learn from within minutes; 224 is usual for photographs."""

    channels: Literal[1, 3] = 3
    """3: colour (sRGB; grey images become three equal channels). 1: grey (luma, ITU-R 601-2)."""

    image_column: Column | None = None
    """Column (Parquet) that holds the images. Default: ``image``, else ``img``, else the only column of images."""

    label_column: Column | None = None
    """Column (Parquet) that holds the classes, as numbers or names. Default: ``label``, else ``fine_label``, else
    ``labels``; without one the images have no class. Classes serve probes alone and are never learned from."""


class DataSpec(Spec):
    """What is read from the dataset, and which part is held out."""

    text_column: Column | None = None
    """Column (CSV, Parquet) or key (JSON Lines) that holds the text. Default: ``text``, else the
    only column of strings."""

    documents: Literal["auto", "whole_file"] = "auto"
    """What one document of a plain text file is. ``auto``: about 2,000 characters, cut at blank lines.
    ``whole_file``: the file, character for character. Tables hold one document a row either way."""

    packing: Literal["stream", "best_fit"] = "stream"
    """How tokens become rows. ``stream``: documents one behind the other, cut wherever a row is full; nothing is padded.
    ``best_fit``: each document whole in one row where it fits, laid so that hardly any padding is left (arXiv
    2404.10830). Only for tasks that read text in rows of tokens; the prepared tokens are the same either way."""

    tokenizer: TokenizerSpec = TokenizerSpec()

    audio: AudioDataSpec = AudioDataSpec()

    image: ImageDataSpec = ImageDataSpec()

    on_bad_sample: Literal["refuse", "skip"] = "refuse"
    """What to do about images and recordings that cannot be decoded. ``refuse``: the job fails where more than 1 % are bad, and
    goes on without them below that. ``skip``: it goes on without them however many they are. Either way they are counted,
    and the first are named. Text knows no bad samples: a file is read whole or refused."""

    held_out: Literal["by_hash", "tail"] = "by_hash"
    """Which part is kept for evaluation. ``by_hash``: documents, images or recordings by their content, so that the same one falls
    on the same side in every dataset that holds it. ``tail`` (text alone): the end of the text, all files taken in name
    order as one; the document in which the end begins is cut in two."""

    held_out_fraction: Annotated[float, Field(gt=0.0, le=0.5)] = 0.05
    """Share kept for evaluation: of the documents, images or recordings, for ``tail`` of the characters. A dataset of images with a
    part of its own for that (a folder or file named ``test``, ``val`` or ``validation``) holds out that part instead."""
