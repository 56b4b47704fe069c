"""How the tests prepare small texts."""

from collections.abc import Callable
from pathlib import Path

from core.data import DataFile
from core.spec.data import DataSpec

Written = Callable[..., list[DataFile]]
SMALL = DataSpec.model_validate({"tokenizer": {"vocabulary_size": 400}, "held_out_fraction": 0.2})

TAIL = DataSpec.model_validate(
    {
        "documents": "whole_file",
        "held_out": "tail",
        "held_out_fraction": 0.1,
        "tokenizer": {"kind": "character"},
    }
)


def content(directory: Path) -> dict[str, bytes]:
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in directory.rglob("*") if p.is_file()}
