"""The ids of special tokens."""

from dataclasses import dataclass

NO_TOKEN = -1
"""In place of an id: there is no such token."""


@dataclass(frozen=True)
class SpecialIds:
    """The id of each role. ``all`` also has every other token that an uploaded tokenizer marks as special, ascending.

    With the tokenizer of a checkpoint, several roles may have the same token, and ``mask`` may be `NO_TOKEN`.
    """

    pad: int
    unk: int
    cls: int
    sep: int
    mask: int
    all: tuple[int, ...]
