"""The key of prepared data, for the engine's cache and for a worker machine's cache."""

import hashlib
import json
from collections.abc import Sequence

from core.spec.data import DataSpec
from core.spec.task import Modality

FORMATS: dict[Modality, int] = {"text": 3, "image": 2, "audio": 2}
"""Version of the prepared files' format; files of an older version are not opened."""

_DEPENDS_ON: dict[Modality, dict[str, bool | dict[str, bool]]] = {
    "text": dict.fromkeys(("text_column", "documents", "tokenizer", "held_out", "held_out_fraction"), True),
    "image": dict.fromkeys(("image", "held_out_fraction"), True),
    "audio": dict.fromkeys(("audio", "held_out_fraction"), True),
}
_WITHOUT: dict[Modality, dict[str, set[str]]] = {
    "text": {},
    "image": {},
    "audio": {"audio": {"clip_seconds"}},
}
"""Fields that do not change the prepared files: a sample's length is applied when it is read."""


def prepared_key(modality: Modality, spec: DataSpec, files: Sequence[Sequence[object]]) -> str:
    """The key of the data prepared from these files with this spec: a hash of exactly what the result depends on.

    Args:
        files: The name, sha256 and, if given, reading options of each, as JSON; in any order.
    """
    document = {
        "format": FORMATS[modality],
        "modality": modality,
        "data": spec.model_dump(mode="json", include=_DEPENDS_ON[modality], exclude=_WITHOUT[modality]),
        "files": sorted((list(file) for file in files), key=lambda file: (str(file[0]), str(file[1]))),
    }
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
