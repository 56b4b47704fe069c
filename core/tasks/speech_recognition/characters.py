"""Transcripts as sequences of characters: normalisation, vocabulary, and decoding of the network's outputs."""

import itertools
import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from transformers import Wav2Vec2CTCTokenizer

from core.tasks.speech_recognition.spec import SpeechRecognition

BLANK, UNKNOWN, BOUNDARY = "[PAD]", "[UNK]", "|"
"""CTC's blank, a character that is not in the vocabulary, and the boundary of two words, as in wav2vec 2.0's checkpoints."""
_SPECIAL = (BLANK, UNKNOWN, BOUNDARY)
BLANKS, UNKNOWNS = (BLANK, "<pad>"), (UNKNOWN, "<unk>")
"""Their names in the vocabularies of recognisers that somebody else made."""
_APOSTROPHES = re.compile("[\u2018\u2019\u02bc\uff07]")
_OUTER_APOSTROPHE = re.compile(r"(?<!\w)'|'(?!\w)")


def normalized(text: str, task: SpeechRecognition) -> str:
    """A transcript as the network learns it: Unicode NFC, words separated by one blank.

    Without ``keep_punctuation`` punctuation, symbols and control characters are blanks. A ``|`` always is, because it is the
    boundary of words in the vocabulary.
    """
    text = unicodedata.normalize("NFC", text.lower() if task.lowercase else text)
    if not task.keep_punctuation:
        text = _APOSTROPHES.sub("'", text)
        text = _OUTER_APOSTROPHE.sub(" ", text) if task.keep_apostrophes else text.replace("'", "")
        text = "".join(" " if character != "'" and _is_mark(character) else character for character in text)
    return " ".join(text.replace(BOUNDARY, " ").split())


def _is_mark(character: str) -> bool:
    return unicodedata.category(character)[0] in "PSC"


@dataclass(frozen=True)
class Vocabulary:
    """The outputs of the network."""

    tokens: tuple[str, ...]
    """All outputs, in order: CTC's blank, the boundary of words, mostly one for unknown characters, and the characters."""

    @classmethod
    def of(cls, texts: Iterable[str]) -> Self:
        """The vocabulary of all characters in normalised transcripts: after the special outputs, in the order of their code points."""
        found: set[str] = set()
        for text in texts:
            found.update(text)
        return cls((*_SPECIAL, *sorted(found - {" "})))

    @cached_property
    def blank(self) -> int:
        """The number of CTC's blank."""
        return next(self.tokens.index(token) for token in BLANKS if token in self.tokens)

    @cached_property
    def unknown(self) -> str | None:
        """The output for a character that is not in the vocabulary; None: there is none, and such characters are left out."""
        return next((token for token in UNKNOWNS if token in self.tokens), None)

    @cached_property
    def is_upper(self) -> bool:
        """Whether its letters are capitals alone."""
        letters = [token for token in self.tokens if len(token) == 1 and token.lower() != token.upper()]
        return bool(letters) and not any(token == token.lower() for token in letters)

    def __len__(self) -> int:
        return len(self.tokens)

    def encode(self, text: str) -> NDArray[np.int64]:
        """The outputs of a normalised transcript, shape (L,). Of a vocabulary of capitals, those of its letters."""
        ids = {token: number for number, token in enumerate(self.tokens) if len(token) == 1}
        ids[" "] = self.tokens.index(BOUNDARY)
        unknown = -1 if self.unknown is None else self.tokens.index(self.unknown)
        found = (ids.get(one, unknown) for one in (text.upper() if self.is_upper else text))
        return np.fromiter((number for number in found if number >= 0), np.int64)

    def decode(self, outputs: Sequence[int]) -> str:
        """The text of the most probable output of each frame: repeats are one, blanks are nothing.

        The same as the tokenizer of `transformers` decodes.
        """
        tokens, blank = self.tokens, self.blank
        kept = (tokens[output] for output, _ in itertools.groupby(outputs) if output != blank)
        return "".join(" " if token == BOUNDARY else token for token in kept).strip()

    def save(self, directory: Path) -> None:
        """Write ``vocab.json`` and the other files of `transformers`' CTC tokenizer."""
        path = directory / "vocab.json"
        document = {token: number for number, token in enumerate(self.tokens)}
        path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
        tokenizer = Wav2Vec2CTCTokenizer(  # type: ignore[no-untyped-call]
            str(path),
            bos_token=None,
            eos_token=None,
            unk_token=self.unknown,
            pad_token=self.tokens[self.blank],
            word_delimiter_token=BOUNDARY,
        )
        tokenizer.save_pretrained(directory)


def frames_needed(targets: NDArray[np.int64]) -> int:
    """The fewest frames that can give this sequence: one for each output, and a blank between equal ones."""
    return len(targets) + int((targets[1:] == targets[:-1]).sum())
