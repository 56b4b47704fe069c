"""The ids of special tokens."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SpecialIds:
    """The id of each role. ``all`` also has every other token that an uploaded tokenizer marks as special, ascending."""

    pad: int
    unk: int
    cls: int
    sep: int
    mask: int
    all: tuple[int, ...]
