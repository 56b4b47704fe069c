"""Reads the header of a safetensors file, which lists its tensors; the tensors themselves are not read."""

import json
import math
import struct
from typing import BinaryIO

from core.characters import unstorable
from core.formats.errors import Place

LARGEST_HEADER = 16 << 20
"""Bytes of a header; 20,000 tensors take about 3 MB."""
MOST_TENSORS = 20_000
_LONGEST_TENSOR_NAME = 512
_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
}
FLOATS = frozenset({"F64", "F32", "F16", "BF16"})
_PICKLE_PROTOCOLS = frozenset(range(2, 6))

Tensors = dict[str, tuple[str, tuple[int, ...]]]
"""Type (``F32`` …) and shape by tensor name."""


def read_header(stream: BinaryIO, size: int, place: Place) -> Tensors:
    """The tensors that a file of ``size`` bytes holds.

    Raises:
        FormatError: ``pickle_refused`` for a pickle or an archive of `torch.save` under another name; ``bad_weights``.
    """
    begin = stream.read(8)
    if begin[:4] == b"PK\x03\x04" or (begin[:1] == b"\x80" and begin[1:2] and begin[1] in _PICKLE_PROTOCOLS):
        raise place.error(
            "pickle_refused",
            "holds a pickle, which can run any program when it is opened; save the model with model.save_pretrained(DIRECTORY), which writes safetensors",
            case="content",
        )
    if len(begin) < 8:
        raise place.error(
            "bad_weights", "is no safetensors file: it is shorter than 8 bytes", case="too_short"
        )
    (length,) = struct.unpack("<Q", begin)
    if length > LARGEST_HEADER or 8 + length > size:
        raise place.error(
            "bad_weights",
            f"is no whole safetensors file: its header would have {length:,} bytes of {size:,}",
            case="header_cut_off",
            length=length,
            size=size,
        )
    try:
        document = json.loads(stream.read(length))
    except (ValueError, RecursionError) as error:
        raise place.error(
            "bad_weights",
            f"is no safetensors file: its header is not JSON ({error})",
            case="header_no_json",
            error=str(error),
        ) from None
    if not isinstance(document, dict):
        raise place.error(
            "bad_weights", "is no safetensors file: its header is no JSON object", case="header_no_object"
        )
    document.pop("__metadata__", None)
    if len(document) > MOST_TENSORS:
        raise place.error(
            "bad_weights",
            f"has {len(document):,} tensors; {MOST_TENSORS:,} at most",
            case="too_many",
            tensors=len(document),
            most=MOST_TENSORS,
        )
    return _checked(document, size - 8 - length, place)


def _checked(document: dict[str, object], data_bytes: int, place: Place) -> Tensors:
    found: Tensors = {}
    spans = []
    for name, entry in document.items():
        shape, kind, offsets = (
            (entry.get("shape"), entry.get("dtype"), entry.get("data_offsets"))
            if isinstance(entry, dict)
            else (None, None, None)
        )
        if (
            len(name) > _LONGEST_TENSOR_NAME
            or unstorable(name) is not None
            or not _are_sizes(shape)
            or not _are_sizes(offsets)
        ):
            raise place.error(
                "bad_weights",
                f"describes its tensor {name[:100]!r} in no known way",
                case="tensor_unknown",
                name=name[:100],
            )
        assert isinstance(shape, list)
        assert isinstance(offsets, list)
        width = _BYTES.get(str(kind))
        if width is None:
            raise place.error(
                "bad_weights",
                f"has the tensor {name} of the unknown type {str(kind)[:20]!r}",
                case="type_unknown",
                name=name,
                kind=str(kind)[:20],
            )
        if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * width:
            raise place.error(
                "bad_weights",
                f"has too many or too few bytes for its tensor {name}",
                case="tensor_bytes",
                name=name,
            )
        spans.append((offsets[0], offsets[1]))
        found[name] = str(kind), tuple(shape)
    end = 0
    for begin, stop in sorted(spans):
        if begin != end:
            raise place.error(
                "bad_weights", "has tensors that overlap, or bytes that belong to none", case="gap"
            )
        end = stop
    if end != data_bytes:
        raise place.error(
            "bad_weights",
            f"has {data_bytes:,} bytes of tensors, and its header says {end:,}: it is cut off or damaged",
            case="cut_off",
            bytes=data_bytes,
            expected=end,
        )
    return found


def _are_sizes(values: object) -> bool:
    return (
        isinstance(values, list)
        and len(values) <= 8
        and all(
            isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 48
            for value in values
        )
    )
