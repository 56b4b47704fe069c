"""Inspects one file of an uploaded checkpoint; runs in a process of its own."""

import json
import math
import os
from typing import Any, BinaryIO

from core.characters import unstorable
from core.formats.containers.source import Source
from core.formats.errors import Place
from core.formats.limits import DEFAULT_LIMITS, Budget
from core.formats.published.names import (
    CONFIG,
    INDEX,
    JSON_FILES,
    MOST_CHARACTERS,
    PREPROCESSOR,
    PROCESSOR,
    T5_SENTINELS,
    TOKENIZER,
    VOCABULARY,
    WEIGHTS,
    check_name,
)
from core.formats.published.weights import read_header
from core.formats.text.tokenizer import read_tokenizer

_LARGEST_JSON = 32 << 20
_LARGEST_SETTINGS = 256 << 10
_LARGEST_TEXT = 64 << 20
_DEEPEST = 32
"""Most levels of nesting of settings that are kept; those of published models have about five."""


def inspect_checkpoint_file(stream: BinaryIO, name: str) -> dict[str, Any]:
    """What a file contains, for `core.formats.published.checking`.

    Raises:
        FormatError: the file cannot be a part of a checkpoint.
    """
    check_name(name)
    place = Place(name)
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if name.endswith(WEIGHTS):
        tensors = read_header(stream, size, place)
        return {"tensors": {tensor: [kind, *shape] for tensor, (kind, shape) in tensors.items()}}
    if name == TOKENIZER:
        content, _ = read_tokenizer(Source(stream, None, place, Budget(size, DEFAULT_LIMITS)), DEFAULT_LIMITS)
        tokens = _tokens(json.loads(content))
        sentinels = sum(f"<extra_id_{number}>" in tokens for number in range(T5_SENTINELS))
        return {"largest_id": max(tokens.values(), default=-1), "sentinels": sentinels}
    if name not in JSON_FILES:
        most = _LARGEST_TEXT
        if size > most:
            raise place.error("bad_file", f"is larger than {most:,} bytes", case="too_large", most=most)
        return {}
    kept = name in {CONFIG, PREPROCESSOR, PROCESSOR}
    document = _json(stream, place, _LARGEST_SETTINGS if kept else _LARGEST_JSON)
    if name == INDEX:
        weights = document.get("weight_map")
        if not isinstance(weights, dict) or not all(isinstance(file, str) for file in weights.values()):
            raise place.error(
                "bad_file", 'has no "weight_map" from the names of tensors to files', case="no_weight_map"
            )
        _require_storable(weights, place)
        return {"weight_map": weights}
    _refuse_code(document, place)
    return _kept(document, name, place) if kept or name == VOCABULARY else {}


def _kept(document: dict[str, Any], name: str, place: Place) -> dict[str, Any]:
    """What the check of all files needs of one in JSON."""
    if name != VOCABULARY:
        _require_storable(document, place)
        return {"document": document}
    # Models of text have one too, which nothing reads.
    of_characters = len(document) <= MOST_CHARACTERS and all(
        type(number) is int and unstorable(token) is None for token, number in document.items()
    )
    return {"tokens": document} if of_characters else {}


def _json(stream: BinaryIO, place: Place, most: int) -> dict[str, Any]:
    content = stream.read(most + 1)
    if len(content) > most:
        raise place.error("bad_file", f"is larger than {most:,} bytes", case="too_large", most=most)
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise place.error("bad_file", f"is not JSON ({error})", case="no_json", error=str(error)) from None
    if not isinstance(document, dict):
        raise place.error("bad_file", "is no JSON object", case="no_object")
    return document


def _require_storable(value: Any, place: Place, levels: int = 1) -> None:
    """Check that a database can store what the file holds; Python also reads JSON that it cannot.

    Raises:
        FormatError: ``bad_file``.
    """
    if levels > _DEEPEST:
        raise place.error(
            "bad_file", f"has more than {_DEEPEST} levels of nesting", case="too_deep", most=_DEEPEST
        )
    if isinstance(value, float) and not math.isfinite(value):
        raise place.error(
            "bad_file",
            f"holds the number {value}, which JSON does not have; write a finite number or null",
            case="not_finite",
            value=value,
        )
    if isinstance(value, str) and (reason := unstorable(value)) is not None:
        raise place.error(
            "bad_file", f"has a text that cannot be stored: {reason}", case="unstorable", reason=reason
        )
    if isinstance(value, dict):
        for name in value:
            _require_storable(name, place, levels)
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            _require_storable(inner, place, levels + 1)


def _refuse_code(document: dict[str, Any], place: Place) -> None:
    """Settings that name Python code of the checkpoint's own."""
    for name in ("auto_map", "custom_pipelines", "trust_remote_code"):
        if document.get(name):
            raise place.error(
                "code_refused",
                f"names code of the checkpoint's own ({name}), which is never run; a model of one of the architectures of "
                "transformers needs none: remove the field",
                case="setting",
                name=name,
            )


def _tokens(document: dict[str, Any]) -> dict[str, int]:
    """Ids by token, of the vocabulary and of the tokens that were added to it."""
    vocabulary = document["model"]["vocab"]
    found: dict[str, int] = (
        dict(vocabulary)
        if isinstance(vocabulary, dict)
        else {str(entry[0]): number for number, entry in enumerate(vocabulary)}
    )
    found |= {
        str(token.get("content")): token["id"]
        for token in document.get("added_tokens") or ()
        if isinstance(token.get("id"), int)
    }
    return found
