"""The key of prepared data, for the engine's cache and for a worker machine's cache."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from core.spec.audio import COMPRESSED_ENDINGS, TRANSCRIPT_ENDINGS, TRANSCRIPT_FIELDS
from core.spec.data import DataSpec
from core.spec.task import Modality

FORMATS: dict[Modality, int] = {"text": 3, "image": 2, "audio": 2}
"""Version of the prepared files' format; files of an older version are not opened."""

LABELS_FORMAT = 1
"""Version of the files that prepared text has where labels are read, beside the others."""

TRANSCRIPTS_FORMAT = 1
"""Version of the files that prepared recordings have where transcripts are read, beside the others."""

_DEPENDS_ON: dict[Modality, dict[str, bool | dict[str, bool]]] = {
    "text": dict.fromkeys(("text_column", "documents", "tokenizer", "held_out", "held_out_fraction"), True),
    "image": dict.fromkeys(("image", "held_out_fraction"), True),
    "audio": dict.fromkeys(("audio", "held_out_fraction"), True),
}
_WITHOUT: dict[Modality, dict[str, set[str]]] = {
    # For the tokenizer of a checkpoint it is added below.
    "text": {"tokenizer": {"add_tokens"}},
    "image": {},
    "audio": {"audio": {"clip_seconds", *TRANSCRIPT_FIELDS}},
}
"""Fields that do not change the prepared files: a sample's length is applied when it is read."""


TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
"""Files of a tokenizer, the last two optional."""
TOKENIZER_SOURCE = "trainer/tokenizer"
"""The folder of a checkpoint with the tokenizer's files that its data were prepared with, as they were in the checkpoint that its
job started from. Only jobs with ``data.tokenizer.kind: checkpoint`` write it."""


def tokenizer_files(paths: Iterable[str]) -> list[str]:
    """Which of a checkpoint's files are those of its tokenizer: `TOKENIZER_SOURCE` if it has one, otherwise those beside its
    network. Empty if it has none."""
    found = set(paths)
    for folder in (PurePosixPath(TOKENIZER_SOURCE), PurePosixPath()):
        if str(folder / TOKENIZER_FILES[0]) in found:
            return [path for name in TOKENIZER_FILES if (path := str(folder / name)) in found]
    return []


def tokenizer_identity(sha256: Mapping[str, str]) -> str:
    """What identifies a checkpoint's tokenizer in the key of prepared data.

    The same for a checkpoint and for all checkpoints of the jobs that take their tokenizer from it.

    Args:
        sha256: Of the checkpoint's files, by path.
    """
    return " ".join(f"{PurePosixPath(path).name}:{sha256[path]}" for path in tokenizer_files(sha256))


def prepared_key(
    modality: Modality, spec: DataSpec, files: Sequence[Sequence[object]], tokenizer: str | None = None
) -> str:
    """The key of the data prepared from these files with this spec: a hash of exactly what the result depends on.

    Args:
        files: The name, sha256 and, if given, reading options of each, as JSON; in any order.
        tokenizer: `tokenizer_identity` of the checkpoint, for ``data.tokenizer.kind: checkpoint``.
    """
    data = spec.model_dump(mode="json", include=_DEPENDS_ON[modality], exclude=_WITHOUT[modality])
    if takes_tokenizer(modality, spec):
        data["tokenizer"] = {"kind": "checkpoint", "identity": tokenizer}
        if spec.tokenizer.add_tokens:
            data["tokenizer"]["add_tokens"] = list(spec.tokenizer.add_tokens)
    if modality == "text":
        data |= _text(spec)
    if modality == "audio":
        if spec.audio.transcripts:
            data |= _transcripts(spec)
        else:
            files = [file for file in files if not has_transcripts(str(file[0]))]
    document = {
        "format": FORMATS[modality],
        "modality": modality,
        "data": data,
        "files": sorted((list(file) for file in files), key=lambda file: (str(file[0]), str(file[1]))),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def has_transcripts(name: str) -> bool:
    """Whether a file of a dataset of recordings is a table of transcripts, by its name: only tasks that read them depend on it."""
    name = name.lower()
    for ending in COMPRESSED_ENDINGS:
        name = name.removesuffix(ending)
    return name.endswith(TRANSCRIPT_ENDINGS)


def takes_tokenizer(modality: Modality, spec: DataSpec) -> bool:
    """Whether the data are prepared with the tokenizer of the checkpoint that the job starts from."""
    return modality == "text" and spec.tokenizer.kind == "checkpoint"


def _text(spec: DataSpec) -> dict[str, Any]:
    """Of ``data.text`` what the prepared text depends on: without labels only the columns, where they are set."""
    if spec.text.labels is not None:
        return {"text": spec.text.model_dump(mode="json"), "labels_format": LABELS_FORMAT}
    return {"text": {"columns": spec.text.columns.model_dump()}} if spec.text.columns is not None else {}


def _transcripts(spec: DataSpec) -> dict[str, Any]:
    """Of ``data.audio`` what the prepared transcripts depend on."""
    return {
        "transcripts": spec.audio.model_dump(mode="json", include=set(TRANSCRIPT_FIELDS)),
        "transcripts_format": TRANSCRIPTS_FORMAT,
    }
