"""Texts and pictures that a browser shows inline: a run's samples, and the content of previews."""

from fastapi import Request, Response

from api.context import Context
from api.downloads import send_object
from api.problem_types import JsonResponses, problems
from control.samples.schemas import MediaType

_SANDBOX = "default-src 'none'; img-src 'self'; style-src 'none'; sandbox; frame-ancestors 'none'"
"""A Content-Security-Policy under which the content can neither run scripts nor load anything."""

_ENDINGS: dict[MediaType, str] = {"text/plain": "txt", "image/png": "png", "application/json": "json"}


def shown_responses(*codes: str) -> JsonResponses:
    """The responses of a GET for inline content, for the OpenAPI document."""
    return problems(
        *codes,
        "object_missing",
        "storage_unavailable",
        also={
            200: {
                "description": "The text or the picture.",
                "content": {
                    "text/plain": {"schema": {"type": "string"}},
                    "image/png": {"schema": {"type": "string", "format": "binary"}},
                    "application/json": {"schema": {"type": "object"}},
                },
            },
            304: {"description": "The client has it already."},
        },
    )


async def send_shown(
    request: Request,
    context: Context,
    key: str,
    *,
    size: int,
    sha256: str,
    media_type: MediaType,
    name: str,
) -> Response:
    """Answer a GET for inline content.

    Args:
        name: What a browser shall call the file, without its ending.

    Raises:
        StorageNotFound, StorageUnavailable: before the first byte is sent.
    """
    response = await send_object(
        request,
        context.storage,
        context.downloads,
        key,
        size=size,
        sha256=sha256,
        name=f"{name}.{_ENDINGS[media_type]}",
        shown_as="text/plain; charset=utf-8" if media_type == "text/plain" else media_type,
    )
    response.headers["Content-Security-Policy"] = _SANDBOX
    return response
