"""Sets of files in storage, as the OpenAPI document describes their downloads: of a checkpoint, of an export."""

from dataclasses import dataclass
from typing import Any

from api.catalog import JsonResponses, problems

_BINARY = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_HEADERS = {
    "ETag": {"description": "The file's SHA-256, in quotes.", "schema": {"type": "string"}},
    "Content-Length": {"schema": {"type": "integer"}},
    "Accept-Ranges": {"schema": {"type": "string"}},
}


@dataclass(frozen=True)
class StoredFile:
    """Where a file is, and what it holds."""

    key: str
    size: int
    sha256: str


def file_responses(*codes: str) -> JsonResponses:
    """What a GET for one file may answer."""
    return problems(
        *codes,
        also={
            200: {"description": "The file.", "content": _BINARY, "headers": _HEADERS},
            206: {"description": "The range.", "content": _BINARY, "headers": _HEADERS},
            304: {"description": "The client has it already."},
        },
    )


def head_responses(*codes: str) -> JsonResponses:
    """What a HEAD for it may answer: the same without a body."""
    also: JsonResponses = {
        200: {"description": "As a GET would answer, without the bytes.", "headers": _HEADERS},
        206: {"description": "The same for a range.", "headers": _HEADERS},
        304: {"description": "The client has it already."},
    }
    return {status: _bare(answer) for status, answer in problems(*codes, also=also).items()}


def archive_responses(*codes: str) -> JsonResponses:
    """What a GET for all of them may answer."""
    return problems(
        *codes,
        also={
            200: {
                "description": "A zip of all files, stored uncompressed.",
                "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
                "headers": {"Content-Length": {"schema": {"type": "integer"}}},
            }
        },
    )


def archive_headers(folder: str, length: int) -> dict[str, str]:
    """Of the answer that is a zip."""
    return {
        "Content-Length": str(length),
        "Content-Disposition": f'attachment; filename="{folder}.zip"',
        "Cache-Control": "private, no-cache",
    }


def _bare(answer: dict[str, Any]) -> dict[str, Any]:
    return {part: value for part, value in answer.items() if part != "content"}
