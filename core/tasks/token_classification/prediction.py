"""Tags the words of a text, and finds the entities that the tags make."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.data.text import SpecialIds
from core.data.text.word_tags import first_tokens
from core.objectives.predictions import InputError

OUTSIDE = "O"


@dataclass(frozen=True)
class Words:
    """The words of a text, and a row of tokens with it."""

    spans: Sequence[tuple[int, int]]
    """First character of each word in the text, and the one after its last."""
    row: NDArray[np.int64]
    """[CLS], tokens, [SEP], shape (1, L)."""
    places: NDArray[np.int64]
    """Place of each word's first token among the text's tokens, from 0; -1 for a word that was cut, or without a token."""


def words_of(text: str, tokenizer: Tokenizer, special: SpecialIds, length: int) -> Words:
    """Words are separated by white space, as in the data.

    Args:
        length: Tokens in a row at most, special ones included.

    Raises:
        InputError: ``input_empty``.
    """
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    if not spans:
        raise InputError("input_empty", "The text has no words. Write some text.", case="words")
    words = [text[begin:end] for begin, end in spans]
    found = tokenizer.encode(" ".join(words), add_special_tokens=False)
    starts, ends = (np.array([span[side] for span in found.offsets], np.int64) for side in (0, 1))
    places = first_tokens(words, starts, ends).astype(np.int64)
    ids = found.ids[: length - 2]
    places[places >= len(ids)] = -1
    return Words(spans, np.array([[special.cls, *ids, special.sep]], np.int64), places)


def tagged(text: str, words: Words, scores: torch.Tensor, first: int, tags: Sequence[str]) -> dict[str, Any]:
    """The result of a prediction.

    Args:
        scores: Of the row's tokens, shape (L, tags).
        first: Place of the text's first token in the row.
    """
    shares = scores.softmax(dim=1)
    found: list[dict[str, Any]] = []
    for (begin, end), place in zip(words.spans, words.places.tolist(), strict=True):
        word: dict[str, Any] = {"text": text[begin:end], "begin": begin, "end": end, "tag": OUTSIDE}
        if place >= 0:
            share, tag = shares[place + first].max(dim=0)
            word |= {"tag": tags[int(tag)], "probability": float(share)}
        found.append(word)
    missing = sum("probability" not in word for word in found)
    return {"kind": "tags", "words": found, "entities": entities(text, found), "without_tag": missing}


def entities(text: str, words: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The entities of tags in IOB2. An I that continues no entity of its type begins one, as seqeval counts it."""
    found: list[dict[str, Any]] = []
    open_type: str | None = None
    for word in words:
        prefix, _, kind = word["tag"].partition("-")
        if prefix == OUTSIDE:
            open_type = None
            continue
        if prefix == "B" or kind != open_type:
            found.append({"type": kind, "begin": word["begin"], "end": word["end"], "probability": 1.0})
        entity, open_type = found[-1], kind
        entity["end"] = word["end"]
        entity["probability"] = min(entity["probability"], word["probability"])
        entity["text"] = text[entity["begin"] : entity["end"]]
    return found
