"""The ids of the tokens that stand for no text."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SpecialIds:
    """Each role's id; ``all`` also holds whatever else an uploaded tokenizer marks as special, ascending."""

    pad: int
    unk: int
    cls: int
    sep: int
    mask: int
    all: tuple[int, ...]
