"""What the names of files say of an image or a recording: its class, and whether it is for evaluation."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

HELD_OUT_NAMES = frozenset({"test", "testing", "val", "valid", "validation", "eval", "evaluation", "t10k"})
"""Folders, and first words of file names, that set a part aside."""
SPLIT_NAMES = HELD_OUT_NAMES | {"train", "training"}

_WORD = re.compile(r"[-_.]")
_DIGITS = re.compile(r"(\d+)")


def parse_path(file: str, member: str | None = None) -> tuple[str | None, bool]:
    """The class of a sample and whether it is held out, by where it lies.

    The folder that holds it is its class (``train/cat/1.jpg``, ``cat/1.jpg``), unless it is a part's name. A folder
    above it named ``test``, ``val`` or the like holds it out, and so does an archive or a table named so
    (``test-00000-of-00001.parquet``, ``t10k-images-idx3-ubyte``).
    """
    folders = [part for part in PurePosixPath(member or file).parts[:-1] if part not in {".", "/"}]
    label = folders[-1] if folders and folders[-1].lower() not in SPLIT_NAMES else None
    parts = [folder for folder in folders if folder.lower() in SPLIT_NAMES]
    if not parts and member is not None:
        above = PurePosixPath(file)
        parts = [
            part for part in (*above.parts[:-1], _WORD.split(above.name)[0]) if part.lower() in SPLIT_NAMES
        ]
    return label, bool(parts) and parts[0].lower() in HELD_OUT_NAMES


def natural_order(names: Iterable[str]) -> list[str]:
    """Names sorted as people count: ``2`` before ``10``."""
    return sorted(names, key=lambda name: ([_rank(part) for part in _DIGITS.split(name)], name))


def _rank(part: str) -> tuple[int, int, str]:
    return (0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part)
