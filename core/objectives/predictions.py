"""What an objective needs to answer predictions: the input, the form of a result, and errors that name the input.

A predictor is a generator. It yields parts of the result as they become known, or None between two pieces of work, and returns
the result. Between two pieces of work the process turns to other requests, and it may end the generator there.
"""

import base64
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.errors import EngineError
from core.evaluation.pictures import Pixels, grid, png
from core.spec.base import Spec

Values = Mapping[str, Any]
"""Plain values for JSON. A result's ``kind`` says how it is shown: ``masks``, ``text``, ``images``, ``vector`` …"""


@dataclass(frozen=True, slots=True)
class Asked:
    """The input of a prediction."""

    options: Spec
    """Of the class that the kind of prediction names."""
    text: str = ""
    rows: NDArray[Any] | None = None
    """One raw sample as `core.data.Samples.rows` gives it, shape (1, …); None where the input is text or nothing."""


Answering = Generator[Values | None, None, Values]
Predictor = Callable[[Asked], Answering]


class InputError(EngineError):
    """An input that the network cannot take; the request is at fault."""


def within(count: int, limit: int) -> None:
    """
    Raises:
        InputError: ``input_too_long``, where a text has more tokens than the network takes.
    """
    if count > limit:
        raise InputError(
            "input_too_long",
            f"The text has {count:,} tokens with the special ones, and the network takes {limit:,}. Shorten it.",
            tokens=count,
            limit=limit,
        )


def with_gaps(text: str, gap: str, *, most: int) -> list[str]:
    """The parts of a text between its gaps; a gap is written ``[MASK]`` or as the network's own token.

    Raises:
        InputError: ``mask_missing`` without a gap, ``too_many_masks``.
    """
    parts = text.replace(MASK, gap).split(gap)
    if len(parts) == 1:
        raise InputError(
            "mask_missing", f"The text has no {MASK}. Write it where a token is to be filled in."
        )
    if len(parts) - 1 > most:
        raise InputError(
            "too_many_masks",
            f"The text has {len(parts) - 1:,} masks, and {most} can be filled at once.",
            masks=len(parts) - 1,
            limit=most,
        )
    return parts


MASK = "[MASK]"
"""How people write a masked position, for every tokenizer."""


def images_result(named: Iterable[tuple[str, Pixels]]) -> Values:
    """A result of images.

    Args:
        named: Bytes of shape (1, H, W, C) with a name each; small ones are enlarged.
    """
    images = [
        {"name": name, "png": base64.b64encode(png(grid(pixels, columns=1, gap=0))).decode()}
        for name, pixels in named
    ]
    return {"kind": "images", "images": images}


class GrowingText:
    """The text of tokens that come one after another."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self.text = ""

    def add(self, token: int) -> str:
        """What a token adds to the text; empty while a character is incomplete."""
        self._ids.append(token)
        decoded: str = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        if decoded.endswith("\ufffd") or not decoded.startswith(self.text):
            return ""
        added, self.text = decoded[len(self.text) :], decoded
        return added

    def close(self) -> str:
        """The whole text; the last characters may be incomplete."""
        self.text = self._tokenizer.decode(self._ids, skip_special_tokens=True)
        return self.text


def rows_without_token(tokenizer: Tokenizer, rows: int) -> NDArray[np.int64]:
    """Rows of a vocabulary of this many that no token of the tokenizer stands for: an uploaded network may have some, to pad it."""
    return np.setdiff1d(np.arange(rows), list(tokenizer.get_vocab().values()))


def draw(scores: NDArray[np.float64], chance: float, *, temperature: float, top_k: int, top_p: float) -> int:
    """The token whose interval of the cumulative probability a number in [0, 1) falls into.

    Args:
        scores: Of the vocabulary, shape (V,). A token whose score is minus infinity is never drawn.
        temperature: Divisor of the scores; 0: the likeliest token.
        top_k: 0: all tokens.
    """
    if temperature == 0:
        return int(scores.argmax())
    order = np.argsort(-scores, kind="stable")[: top_k or len(scores)]
    scaled = scores[order] / temperature
    shares = np.exp(scaled - scaled[0])
    shares /= shares.sum()
    if top_p < 1:
        # The likeliest token is always kept.
        kept = 1 + int((np.cumsum(shares) < top_p).sum())
        order, shares = order[:kept], shares[:kept] / shares[:kept].sum()
    place = int((np.cumsum(shares) <= chance).sum())
    return int(order[min(place, len(order) - 1)])
