"""Which tokens of a vocabulary begin a word."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_CONTROLS = range(0x100, 0x121)
"""The characters that stand for the bytes 0 to 32, space and line feed among them, in a byte-level vocabulary."""


def word_starts(tokenizer: Path, vocabulary_size: int) -> NDArray[np.bool_]:
    """True for the ids of tokens that begin a word, shape (V,).

    The tokenizer's own marks show where words begin: WordPiece marks continuations (``##``), byte-level BPE and Unigram
    mark the space before (``Ġ``, ``▁``). With the latter, a token that does not start with a letter or a digit
    begins a word too, because punctuation does not belong to the word before it. Special tokens, and ids without a
    token, begin one.

    Args:
        tokenizer: a ``tokenizer.json``.
    """
    document = json.loads(tokenizer.read_text(encoding="utf-8"))
    model = document["model"]
    prefix = model.get("continuing_subword_prefix") if model.get("type") == "WordPiece" else None
    bytes_level = any(_has_byte_level(document.get(part)) for part in ("pre_tokenizer", "decoder"))
    vocabulary = model["vocab"]
    if isinstance(vocabulary, dict):
        tokens = [(token, number) for token, number in vocabulary.items()]
    else:  # Unigram: pairs of a piece and its score, in the order of the ids
        tokens = [(piece[0], number) for number, piece in enumerate(vocabulary)]
    starts = np.ones(vocabulary_size, dtype=bool)
    for token, number in tokens:
        if prefix:
            starts[number] = not token.startswith(prefix)
        elif token:
            starts[number] = _begins_by_itself(token[0], bytes_level=bytes_level)
    for added in document.get("added_tokens", ()):
        starts[added["id"]] = True
    return starts


def _begins_by_itself(first: str, *, bytes_level: bool) -> bool:
    if bytes_level and not first.isascii():
        # A single byte above 127 is taken for a part of a letter.
        return ord(first) in _CONTROLS
    return not first.isalnum()


def _has_byte_level(part: Any) -> bool:
    if not isinstance(part, dict):
        return False
    inner = (*part.get("pretokenizers", ()), *part.get("decoders", ()))
    return part.get("type") == "ByteLevel" or any(_has_byte_level(one) for one in inner)
