"""Settings of the data: reading, tokenizer, images, packing, held-out split."""

from typing import Annotated, Literal

from pydantic import Field

from core.spec.added_tokens import AddedTokens
from core.spec.audio import AudioDataSpec
from core.spec.base import Spec
from core.spec.text import Column
from core.spec.text_data import TextDataSpec

SPECIAL_TOKENS = 5
"""Number of special tokens of every trained tokenizer: [PAD], [UNK], [CLS], [SEP] and [MASK]."""

LEAST_VOCABULARY = 300
"""Least number of tokens that a vocabulary can be limited to."""


class TokenizerSpec(Spec):
    """The tokenizer: trained on the dataset, uploaded with it, or that of the checkpoint that the job starts from."""

    kind: Literal["bpe", "wordpiece", "unigram", "byte", "character", "uploaded", "checkpoint"] = "bpe"
    """``bpe``: byte-level BPE, trained on the training split of the data. ``wordpiece``: BERT's
    WordPiece, trained likewise. ``unigram``: a unigram language model of pieces, as in SentencePiece, but over
    bytes, trained likewise. ``byte``: one token per byte of UTF-8, not trained. ``character``: one token
    per character of the training split, for small corpora. ``uploaded``: the dataset's own
    ``tokenizer.json``. ``checkpoint``: the tokenizer of the checkpoint in ``start``, so that the checkpoint's weights fit
    other data; the service fills it in where a job on text has a ``start`` and leaves ``data.tokenizer`` out."""

    vocabulary_size: Annotated[int, Field(ge=LEAST_VOCABULARY, le=1_000_000)] = 8192
    """Largest number of tokens in the vocabulary, special tokens included; ``character`` keeps the most frequent
    characters. Ignored for ``byte`` (always 261) and ``uploaded``. For ``checkpoint`` the service writes
    the size of the checkpoint's vocabulary here, for the estimate of memory."""

    normalization: Literal["none", "nfc", "nfkc"] = "none"
    """Unicode normal form to which text is converted before tokenizing. ``nfc`` composes accents;
    ``nfkc`` also folds compatibility characters, such as full-width letters and ligatures. Ignored for
    ``uploaded`` and ``checkpoint``."""

    lowercase: bool = False
    """Fold case before tokenizing. Ignored for ``uploaded`` and ``checkpoint``."""

    strip_accents: bool = False
    """Remove accents before tokenizing, as BERT's uncased models do. Ignored for ``uploaded`` and ``checkpoint``."""

    add_tokens: AddedTokens = ()
    """For ``checkpoint``: words that are added to its vocabulary, each as one token, such as names of a field that it
    splits into many pieces. Each begins with the mean of the weights that the checkpoint has for its tokens. A word of letters
    and digits is found only where it stands alone in a text. Those that the checkpoint's job added stay; the service writes
    them before the new ones."""

    @property
    def is_given(self) -> bool:
        """Whether the tokenizer exists already, so that the data do not change it."""
        return self.kind in {"uploaded", "checkpoint"}

    @property
    def largest_vocabulary(self) -> int:
        """The largest vocabulary size that the spec allows."""
        return 256 + SPECIAL_TOKENS if self.kind == "byte" else self.vocabulary_size


class ImageDataSpec(Spec):
    """How images are converted to one shape; nothing else is done to them before training."""

    size: Annotated[int, Field(ge=8, le=512)] = 32
    """Height and width of every stored image, in pixels: the largest centred square is cut out and resampled to
    it, bicubic and antialiased. Default 32, with which small networks learn within minutes; 224 is usual for
    photographs."""

    channels: Literal[1, 3] = 3
    """3: colour (sRGB; grey images become three equal channels). 1: grey (luma, ITU-R 601-2)."""

    image_column: Column | None = None
    """Column (Parquet) that holds the images. Default: ``image``, else ``img``, else the only column of images."""

    label_column: Column | None = None
    """Column (Parquet) that holds the classes, as numbers or names. Default: ``label``, else ``fine_label``, else
    ``labels``; without one the images have no class. Tasks that learn
    without labels use classes only for probes."""


Which = Literal["all", "new"]
"""Which files of a version of a dataset a job reads."""


class DataSpec(Spec):
    """What is read from the dataset, and which split is held out."""

    files: Which = "all"
    """Which files of the dataset are read. ``all``: the whole. ``new``: only those that this version of the dataset added to
    its parent, and the parent's ``tokenizer.json`` where it added none. The service chooses the files; the engine
    on its own reads those that it is given."""

    text_column: Column | None = None
    """Column (CSV, Parquet) or key (JSON Lines) that holds the text. Default: ``text``, else the
    only column of strings."""

    text: TextDataSpec = TextDataSpec()

    documents: Literal["auto", "whole_file"] = "auto"
    """What one document of a plain text file is. ``auto``: about 2,000 characters, cut at blank lines.
    ``whole_file``: the file, character for character. Tables hold one document a row either way."""

    packing: Literal["stream", "best_fit"] = "stream"
    """How tokens are packed into rows. ``stream``: documents are concatenated and cut where a row is full; there is no
    padding. ``best_fit``: each document is in one row if it fits, packed so that there is little padding (arXiv
    2404.10830). Only for tasks that read text in rows of tokens; the prepared tokens are the same either way."""

    tokenizer: TokenizerSpec = TokenizerSpec()

    audio: AudioDataSpec = AudioDataSpec()

    image: ImageDataSpec = ImageDataSpec()

    on_bad_sample: Literal["refuse", "skip"] = "refuse"
    """What to do about images and recordings that cannot be decoded. ``refuse``: the job fails where more than 1 % are bad, and
    goes on without them below that. ``skip``: it goes on without them however many they are. Either way they are
    counted, and the first are listed. Text has no bad samples: a file is read as a whole or refused."""

    on_missing_label: Literal["refuse", "skip"] = "refuse"
    """What a task that learns from labels does about samples without one. ``refuse``: the job fails. ``skip``: it
    trains and evaluates on the other samples. Tasks that do not learn from labels read all samples."""

    held_out: Literal["by_hash", "tail"] = "by_hash"
    """How the held-out split for evaluation is chosen. ``by_hash``: documents, images or recordings by their
    content, so that the same one is in the same split in every dataset that contains it. ``tail`` (text alone): the
    end of the text, with all files concatenated in name order; the document at the border is cut in two."""

    held_out_fraction: Annotated[float, Field(gt=0.0, le=0.5)] = 0.05
    """Share of the data in the held-out split: of the documents, images or recordings, with ``tail`` of the
    characters. In a dataset of images with a split of its own (a folder or file named ``test``, ``val`` or
    ``validation``) that one is held out instead."""
