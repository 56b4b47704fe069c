"""Tags of words on disk, beside the tokens of the sentences.

```
<key>/
  train.words        held_out.words        uint64, (documents + 1,): words[d] … words[d + 1] are those of document d
  train.word_tokens  held_out.word_tokens  int32, (words,): place of a word's first token in its document, -1 for none
  train.word_tags    held_out.word_tags    int16, (words,): index of its tag, -1 where the sentence has no tags
```
"""

from array import array
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.data.prepared import SplitName
from core.data.text.writing import TokenWriter
from core.formats.labels import natural_order
from core.formats.text.labelled import LabelledText
from core.formats.text.tag_schemes import OUTSIDE, Scheme, parts, to_iob2

_NONE = -1


@dataclass(frozen=True)
class WordTags:
    """The words of a split and their tags."""

    offsets: NDArray[np.int64]
    """Where each document's words begin, shape (documents + 1,)."""
    tokens: NDArray[np.int64]
    """Place of each word's first token in its document, from 0, shape (words,); -1 where no token begins in the word."""
    tags: NDArray[np.int64]
    """Index of each word's tag among the classes, shape (words,); -1 where its sentence has no tags."""


def tags_in(labels: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The tags of IOB2 for the types in sentences: ``O``, then B and I for each type in natural sort order."""
    types = natural_order({parts(tag)[1] for tags in labels for tag in tags if tag != OUTSIDE})
    return (OUTSIDE, *(f"{prefix}-{kind}" if kind else prefix for kind in types for prefix in "BI"))


def tag_numbers(
    labels: Sequence[tuple[str, ...]], scheme: Scheme, tags: Sequence[str]
) -> Mapping[tuple[str, ...], NDArray[np.int16]]:
    """The tags of distinct sentences as indices into ``tags``, by the tags as written."""
    index = {tag: number for number, tag in enumerate(tags)}
    return {raw: np.array([index[tag] for tag in to_iob2(raw, scheme)], np.int16) for raw in labels}


class TagWriter:
    """Writes the tokens of a split's sentences, and finds the first token of each word.

    Args:
        numbers: The result of `tag_numbers`.
    """

    def __init__(
        self,
        tokens: TokenWriter,
        directory: Path,
        split: SplitName,
        numbers: Mapping[tuple[str, ...], NDArray[np.int16]],
    ) -> None:
        self.tokens = tokens
        self._base = directory / split
        self._numbers = numbers
        self._waiting: deque[LabelledText] = deque()
        self._ends = array("Q", [0])
        self._found: list[NDArray[np.int32]] = []
        self._tags: list[NDArray[np.int16]] = []

    def expect(self, sentence: LabelledText) -> None:
        """Announce the next sentence, before it is encoded."""
        self._waiting.append(sentence)

    def add(self, encoded: NDArray[Any]) -> None:
        """Add a sentence as `core.data.text.encode.spans_of` gives it."""
        sentence = self._waiting.popleft()
        ids, starts, ends = encoded.reshape(3, -1)
        self.tokens.add(ids.astype(self.tokens.dtype))
        self._found.append(first_tokens(sentence.words, starts.astype(np.int64), ends.astype(np.int64)))
        none = np.full(len(sentence.words), _NONE, np.int16)
        self._tags.append(none if sentence.label is None else self._numbers[sentence.label])  # type: ignore[index]
        self._ends.append(self._ends[-1] + len(sentence.words))

    def end_document(self) -> None:
        self.tokens.end_document()

    def flush(self) -> None:
        self.tokens.flush()

    def finish(self) -> None:
        """Write the tags, after the last sentence."""
        np.array(self._ends, np.uint64).tofile(self._base.with_suffix(".words"))
        np.concatenate([np.empty(0, np.int32), *self._found]).tofile(self._base.with_suffix(".word_tokens"))
        np.concatenate([np.empty(0, np.int16), *self._tags]).tofile(self._base.with_suffix(".word_tags"))


def first_tokens(
    words: Sequence[str], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.int32]:
    """The place of each word's first token in a text of words joined by blanks, shape (words,).

    It is the first token with a character of the word. -1 for a word without one, and for one whose first characters are in
    the same token as an earlier word's.

    Args:
        starts: The first character of each token, shape (tokens,).
        ends: The character after its last one.
    """
    lengths = np.array([len(word) for word in words], np.int64)
    begins = np.cumsum(lengths + 1) - lengths - 1
    found = np.searchsorted(np.maximum.accumulate(ends), begins, side="right")
    there = found < len(starts)
    there[there] = starts[found[there]] < (begins + lengths)[there]
    there[1:] &= found[1:] != found[:-1]
    return np.where(there, found, _NONE).astype(np.int32)


def read_tags(directory: Path, split: SplitName) -> WordTags:
    """What `TagWriter` wrote."""
    base = directory / split
    return WordTags(
        offsets=np.fromfile(base.with_suffix(".words"), np.uint64).astype(np.int64),
        tokens=np.fromfile(base.with_suffix(".word_tokens"), np.int32).astype(np.int64),
        tags=np.fromfile(base.with_suffix(".word_tags"), np.int16).astype(np.int64),
    )
