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


class ImageDataSpec(Spec):
    """How images are brought to one shape; nothing else is done to them before training."""

    size: Annotated[int, Field(ge=8, le=512)] = 32
    """Height and width of every stored image, in pixels: the largest centred square is cut out and resampled to
    it, bicubic and antialiased. Default 32, which small networks learn from within minutes; 224 is usual for photographs."""

    channels: Literal[1, 3] = 3
    """3: colour (sRGB; grey images become three equal channels). 1: grey (luma, ITU-R 601-2)."""

    image_column: str | None = None
    """Column (Parquet) that holds the images. Default: ``image``, else ``img``, else the only column of images."""

    label_column: str | None = None
    """Column (Parquet) that holds the classes, as numbers or names. Default: ``label``, else ``fine_label``, else
    ``labels``; without one the images have no class. Classes serve probes alone and are never learned from."""


class DataSpec(Spec):
    """What is read from the dataset, and which part is held out."""

    text_column: str | None = None
    """Column (CSV, Parquet) or key (JSON Lines) that holds the text. Default: ``text``, else the
    only column of strings."""

    tokenizer: TokenizerSpec = TokenizerSpec()

    audio: AudioDataSpec = AudioDataSpec()

    image: ImageDataSpec = ImageDataSpec()

    on_bad_sample: Literal["refuse", "skip"] = "refuse"
    """What to do about images and recordings that cannot be decoded. ``refuse``: the job fails where more than 1 % are bad, and
    goes on without them below that. ``skip``: it goes on without them however many they are. Either way they are counted,
    and the first are named. Text knows no bad samples: a file is read whole or refused."""

    held_out_fraction: Annotated[float, Field(gt=0.0, le=0.5)] = 0.05
    """Share of the documents, images or recordings kept for evaluation, chosen by content hash: the same one falls
    on the same side in every dataset that holds it. A dataset of images with a part of its own for that (a folder or file
    named ``test``, ``val`` or ``validation``) holds out that part instead."""
