"""A file's name decides its format."""

from dataclasses import dataclass
from enum import StrEnum

from core.formats.errors import Place


class Kind(StrEnum):
    """What a file holds."""

    TEXT = "text"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    ZIP = "zip"
    TOKENIZER = "tokenizer"


class Compression(StrEnum):
    """What a file is wrapped in."""

    GZIP = "gzip"
    ZSTD = "zstd"


_KINDS = {
    ".txt": Kind.TEXT,
    ".md": Kind.TEXT,
    ".text": Kind.TEXT,
    ".jsonl": Kind.JSONL,
    ".ndjson": Kind.JSONL,
    ".csv": Kind.CSV,
    ".tsv": Kind.CSV,
    ".parquet": Kind.PARQUET,
    ".zip": Kind.ZIP,
}
_COMPRESSIONS = {".gz": Compression.GZIP, ".zst": Compression.ZSTD}

KNOWN_FORMATS = (
    ".txt, .md, .text, .jsonl, .ndjson, .csv, .tsv and .parquet, each also with .gz or .zst behind it or inside "
    "a .zip, and tokenizer.json"
)


@dataclass(frozen=True)
class Format:
    """What a name promises."""

    kind: Kind
    compression: Compression | None = None


def detect(name: str) -> Format:
    """The format that a file name (directories before it do not matter) promises.

    Raises:
        FormatError: ``unknown_format``.
    """
    return detect_at(name, Place(name))


def detect_at(name: str, place: Place) -> Format:
    """Like ``detect``, for a name met inside ``place``."""
    base = _base(name).lower()
    compression = None
    for suffix, candidate in _COMPRESSIONS.items():
        if base.endswith(suffix):
            base, compression = base.removesuffix(suffix), candidate
    if base == "tokenizer.json":
        return Format(Kind.TOKENIZER, compression)
    for suffix, kind in _KINDS.items():
        if base.endswith(suffix) and not (kind is Kind.ZIP and compression):
            return Format(kind, compression)
    hint = "; JSON Lines, one object a line, are named .jsonl" if base.endswith(".json") else ""
    raise place.error("unknown_format", f"its name ends in no known format{hint}. Known are {KNOWN_FORMATS}")


def is_hidden(name: str) -> bool:
    """Whether a path is one that systems leave behind (``.DS_Store``, ``__MACOSX/…``), not a person's."""
    return any(
        part.startswith(".") or part == "__MACOSX" for part in name.split("/") if part not in {"", "."}
    )


def _base(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1]
