"""Finds the format of a file by its name."""

from dataclasses import dataclass
from enum import StrEnum

from core.formats.errors import Place


class Kind(StrEnum):
    """The content of a file."""

    TEXT = "text"
    CONLL = "conll"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"
    ZIP = "zip"
    TAR = "tar"
    TOKENIZER = "tokenizer"
    IMAGE = "image"
    IDX = "idx"
    AUDIO = "audio"
    TRANSCRIPTS = "transcripts"


class Compression(StrEnum):
    """The compression of a file."""

    GZIP = "gzip"
    ZSTD = "zstd"


_KINDS = {
    ".trans.txt": Kind.TRANSCRIPTS,
    ".txt": Kind.TEXT,
    ".md": Kind.TEXT,
    ".text": Kind.TEXT,
    **dict.fromkeys((".conll", ".iob", ".iob2", ".bio", ".bioes"), Kind.CONLL),
    ".jsonl": Kind.JSONL,
    ".ndjson": Kind.JSONL,
    ".csv": Kind.CSV,
    ".tsv": Kind.CSV,
    ".parquet": Kind.PARQUET,
    ".zip": Kind.ZIP,
    ".tar": Kind.TAR,
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".pjpeg", ".pjp"), Kind.IMAGE),
    **dict.fromkeys((".png", ".webp", ".bmp", ".dib", ".tif", ".tiff"), Kind.IMAGE),
    "-ubyte": Kind.IDX,
    ".wav": Kind.AUDIO,
    ".wave": Kind.AUDIO,
    ".flac": Kind.AUDIO,
    ".ogg": Kind.AUDIO,
    ".oga": Kind.AUDIO,
    ".opus": Kind.AUDIO,
}
_SYSTEM_FILES = {".ds_store", ".localized", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}
_COMPRESSIONS = {".gz": Compression.GZIP, ".zst": Compression.ZSTD}
_NEVER_COMPRESSED = {Kind.ZIP, Kind.IMAGE, Kind.AUDIO}

TRANSCRIPT_KINDS = frozenset({Kind.CSV, Kind.JSONL, Kind.PARQUET, Kind.TRANSCRIPTS})
"""The kinds of file that may have the transcripts of recordings."""

MODALITY_KINDS: dict[str, frozenset[Kind]] = {
    "text": frozenset({Kind.TEXT, Kind.CONLL, Kind.JSONL, Kind.CSV, Kind.PARQUET, Kind.ZIP, Kind.TOKENIZER}),
    "image": frozenset({Kind.IMAGE, Kind.ZIP, Kind.TAR, Kind.PARQUET, Kind.IDX}),
    "audio": frozenset({Kind.AUDIO, Kind.ZIP, Kind.TAR}) | TRANSCRIPT_KINDS,
}
"""The kinds of file that a dataset of each modality (`core.spec.task.Modality`) may hold."""

_PLURALS = {"text": "text", "image": "images", "audio": "audio"}

KNOWN_FORMATS: dict[str, str] = {
    "text": ".txt, .md, .text, .conll, .iob, .bio, .jsonl, .ndjson, .csv, .tsv and .parquet, each also with .gz or .zst at the end or "
    "inside a .zip, and tokenizer.json",
    "image": ".jpg, .jpeg, .jfif, .png, .webp, .bmp, .tif and .tiff, alone or inside a .zip, .tar, .tar.gz, .tgz or .tar.zst, .parquet with a "
    "column of images, and -idx3-ubyte with its -idx1-ubyte, also with .gz at the end",
    "audio": ".wav, .wave, .flac, .ogg, .oga and .opus, alone or inside a .zip, .tar, .tar.gz, .tgz or .tar.zst; and "
    "transcripts in .csv, .tsv, .jsonl, .ndjson, .parquet and .trans.txt, beside the recordings or with them in an archive",
}


@dataclass(frozen=True)
class Format:
    """The format that a file name stands for."""

    kind: Kind
    compression: Compression | None = None


def detect(name: str, modality: str = "text") -> Format:
    """The format that a file name stands for in a dataset of a modality. Folders before the name do not matter.

    Raises:
        FormatError: ``unknown_format``.
    """
    return detect_at(name, Place(name), modality)


def detect_at(name: str, place: Place, modality: str = "text") -> Format:
    """Like ``detect``, for a name found at ``place``."""
    found = _format_of(name)
    if found and found.kind is Kind.TRANSCRIPTS and modality != "audio":
        found = Format(Kind.TEXT, found.compression)
    if found and found.kind in MODALITY_KINDS[modality]:
        return found
    hint = (
        "; JSON Lines, one object a line, are named .jsonl" if _base(name).lower().endswith(".json") else ""
    )
    other = next((other for other, kinds in MODALITY_KINDS.items() if found and found.kind in kinds), None)
    if other:
        hint = f"; it belongs in a dataset of {_PLURALS[other]}"
    raise place.error(
        "unknown_format",
        f"its name ends in no known format of {_PLURALS[modality]}{hint}. Known formats: {KNOWN_FORMATS[modality]}",
        case="name",
        modality=modality,
        other_modality=other,
        json=_base(name).lower().endswith(".json"),
        known_formats=KNOWN_FORMATS[modality],
    )


def _format_of(name: str) -> Format | None:
    base = _base(name).lower()
    if base.endswith(".tgz"):
        base = base.removesuffix(".tgz") + ".tar.gz"
    compression = None
    for suffix, candidate in _COMPRESSIONS.items():
        if base.endswith(suffix):
            base, compression = base.removesuffix(suffix), candidate
    if base == "tokenizer.json":
        return Format(Kind.TOKENIZER, compression)
    for suffix, kind in _KINDS.items():
        if base.endswith(suffix) and not (kind in _NEVER_COMPRESSED and compression):
            return Format(kind, compression)
    return None


def is_hidden(name: str) -> bool:
    """Whether a path is hidden (``.cache/a.png``) or a system file, and so not to be read."""
    return is_system_file(name) or any(part.startswith(".") for part in _parts(name))


def is_system_file(name: str) -> bool:
    """Whether a path is a file that an operating system writes for itself (``.DS_Store``, ``__MACOSX/…``, ``Thumbs.db``)."""
    parts = _parts(name)
    return "__MACOSX" in parts or (
        bool(parts) and (parts[-1].startswith("._") or parts[-1].lower() in _SYSTEM_FILES)
    )


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part not in {"", "."}]


def _base(name: str) -> str:
    return name.replace("\\", "/").rsplit("/", 1)[-1]
